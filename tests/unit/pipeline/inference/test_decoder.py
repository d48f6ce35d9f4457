"""Whisper's decoder of a size that no model has, beside its paper's, in numpy."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, softmax

from pipeline.inference.decoder import Decoder
from pipeline.spec import AttentionVocabulary

WIDTH, HEADS, LAYERS, TOKENS, TEXT, POSITIONS = 128, 2, 3, 120, 80, 90
SAID = [81, 3, 5, 7]
VOCABULARY = AttentionVocabulary((), TEXT, 90, (81,), 82, ())
Array = NDArray[np.float32]
CHANCE = np.random.default_rng(0)


def _drawn(*shape: int) -> Array:
    return np.asarray(CHANCE.standard_normal(shape) / np.sqrt(shape[-1]), np.float32)


def _weights() -> dict[str, Array]:
    parts = {"self_attention": (3, 1), "attention": (1, 2, 1), "ffn": (4,)}
    found = {"embeddings/weight": _drawn(TOKENS, WIDTH) * 5, "position_encodings/encodings": _drawn(50, WIDTH) * 5}
    norms = ["layer_norm", *(f"layer_{layer}/{part}/layer_norm" for layer in range(LAYERS) for part in parts)]
    found |= {f"{norm}/gamma": np.ones(WIDTH, np.float32) for norm in norms}
    found |= {f"{norm}/beta": np.zeros(WIDTH, np.float32) for norm in norms}
    for layer in range(LAYERS):
        sizes = {
            f"{part}/linear_{number}": (times * WIDTH, WIDTH)
            for part, all_times in parts.items()
            for number, times in enumerate(all_times)
        }
        sizes["ffn/linear_1"] = (WIDTH, 4 * WIDTH)
        found |= {f"layer_{layer}/{name}/weight": _drawn(*size) for name, size in sizes.items()}
        found |= {f"layer_{layer}/{name}/bias": _drawn(size[0]) for name, size in sizes.items()}
    return found


def _reference(weights: dict[str, Array], encoded: Array) -> Array:
    """The logits after the last token."""

    def product(x: Array, name: str) -> Array:
        return np.asarray(x @ weights[f"{name}/weight"].T + weights[f"{name}/bias"])

    def normal(x: Array) -> Array:
        return np.asarray((x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5))

    def attended(*parts: Array, mask: Array | float = 0.0) -> Array:
        query, keys, values = (each.reshape(len(each), HEADS, 64).transpose(1, 0, 2) for each in parts)
        weighted = softmax(query @ keys.transpose(0, 2, 1) / 8 + mask, -1) @ values
        return np.asarray(weighted.transpose(1, 0, 2).reshape(query.shape[1], WIDTH))

    x = weights["embeddings/weight"][SAID] + weights["position_encodings/encodings"][: len(SAID)]
    later = np.triu(np.full((len(SAID), len(SAID)), -1e9, np.float32), 1)
    for layer in range(LAYERS):
        prefix = f"layer_{layer}"
        own = np.split(product(normal(x), f"{prefix}/self_attention/linear_0"), 3, 1)
        x = x + product(attended(*own, mask=later), f"{prefix}/self_attention/linear_1")
        heard = np.split(product(encoded, f"{prefix}/attention/linear_1"), 2, 1)
        query = product(normal(x), f"{prefix}/attention/linear_0")
        x = x + product(attended(query, *heard), f"{prefix}/attention/linear_2")
        y = product(normal(x), f"{prefix}/ffn/linear_0")
        x = x + product(y * (1 + erf(y / np.sqrt(2))) / 2, f"{prefix}/ffn/linear_1")
    return np.asarray(normal(x)[-1] @ weights["embeddings/weight"].T)


def test_models_of_other_sizes_are_what_their_weights_say() -> None:
    weights, encoded = _weights(), _drawn(1, POSITIONS, WIDTH) * 5
    variables = {**weights, "num_heads": np.array(HEADS)}
    padding = _drawn(1, POSITIONS, WIDTH)
    steps = Decoder(variables, VOCABULARY, 1, padding).begin([encoded])
    scores = [steps.step([token], [0], TEXT) for token in SAID][-1]
    text = np.empty(TEXT, np.float32)
    text[scores.text_tokens[0]] = scores.text[0]
    found, exact = np.concatenate((text, scores.specials[0])), _reference(weights, encoded[0])
    assert np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2)) < 0.06
    assert np.isclose(scores.text_total[0, 0], np.log(np.exp(text).sum()), atol=1e-3)

    likeliest = int(scores.text_tokens[0, 0])
    steps = Decoder(variables, replace(VOCABULARY, suppressed=(likeliest, TEXT + 3)), 1, padding).begin([encoded])
    others = [steps.step([token], [0], TEXT) for token in SAID][-1]
    assert list(others.text_tokens[0]) == [*scores.text_tokens[0, 1:], likeliest]
