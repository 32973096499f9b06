"""What is exported is a Llama: another program computes the same with it."""

from __future__ import annotations

import json

import pytest
import torch

from bandmate.codecs.bars import Bars
from bandmate.codecs.triples import Triples
from bandmate.export import export
from bandmate.families.bands import Bands, BandsConfig
from bandmate.settings import UserError

SHAPE = {"width": 40, "layers": 2, "heads": 3, "head_width": 16, "hidden": 56, "context": 32}


@pytest.mark.parametrize("codec", [Triples(), Bars()], ids=lambda codec: codec.name)
def test_a_llama_computes_the_same(codec, tmp_path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = Bands(BandsConfig(**SHAPE, form="stream"), codec).eval()
    export(model, tmp_path / "llama")
    llama = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "llama").eval()
    ids = torch.randint(model.sizes[0], (2, 20))
    with torch.no_grad():
        torch.testing.assert_close(model.heads[0](model.hear(ids[..., None])), llama(ids).logits, atol=1e-5, rtol=1e-4)
    assert json.loads((tmp_path / "llama" / "codec.json").read_text())["name"] == codec.name
    assert [path.name for path in tmp_path.iterdir()] == ["llama"]


def test_what_is_no_llama_is_refused(tmp_path) -> None:
    model = Bands(BandsConfig(**SHAPE), Bars())
    with pytest.raises(UserError, match="train one with --form stream"):
        export(model, tmp_path / "llama")
    assert not any(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        export(Bands(BandsConfig(**SHAPE, form="stream"), Triples()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
