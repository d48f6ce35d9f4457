"""A small CTC model over the encoder of Whisper, learnt from synthesised speech."""
