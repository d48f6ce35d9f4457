"""The networks with which Whisper runs in ONNX Runtime."""
