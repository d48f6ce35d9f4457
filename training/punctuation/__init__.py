"""How the punctuation tagger was made: its text, its pauses, its network, its training and its export."""
