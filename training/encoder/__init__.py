"""The networks with which Whisper's encoder runs in ONNX Runtime."""
