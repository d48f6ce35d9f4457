"""How the general English language model was made."""
