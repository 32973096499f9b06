"""Models for other programs: the one-stream form of `bands` is a Llama, and can be written as one.

The folder holds what `transformers.LlamaForCausalLM.from_pretrained` reads (Touvron et al. 2023, arXiv 2302.13971), and
``codec.json``, which says how the ids are made. transformers wants a width that the heads divide; where ours do not (10
heads at 512), silent heads of zeros are added, which change no logit.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import pad

from bandmate.families.bands import EPSILON, Bands
from bandmate.layers import ROTARY_BASE
from bandmate.model import Model
from bandmate.settings import UserError


def export(model: Model, folder: str | Path) -> None:
    """Write a model of the one-stream form as a Llama folder, whole or not at all. Raises UserError for other models."""
    if not isinstance(model, Bands) or not model.stream:
        raise UserError("only 'bands' in its one-stream form is a Llama, and this model is none; "
                        "train one with --form stream, or of the size bangers")
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"'{folder}' is there already; a new folder was expected; choose another name")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise UserError(f"the folder '{folder}' cannot be made ({error.strerror}); choose another place") from None
    try:
        save_file(llama_weights(model), making / "model.safetensors", metadata={"format": "pt"})
        (making / "config.json").write_text(json.dumps(llama_config(model), indent=2))
        codec = {"name": model.codec.name, "config": model.codec.config.model_dump(), "fields": model.codec.fields,
                 "sizes": model.codec.sizes}
        (making / "codec.json").write_text(json.dumps(codec, indent=2))
        making.chmod(0o755)
        os.replace(making, folder)
    except OSError as error:
        raise UserError(f"the folder '{folder}' could not be written ({error.strerror}); nothing was kept; "
                        "make room or choose another place") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def llama_config(model: Bands) -> dict[str, Any]:
    """Return the config.json of a Llama of the same shape."""
    shape, heads = model.config, _heads(model)
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float32",
        "vocab_size": model.sizes[0], "hidden_size": shape.width, "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers, "num_attention_heads": heads, "num_key_value_heads": heads,
        "head_dim": shape.head_width, "max_position_embeddings": shape.context * model.tokens_a_row,
        "rms_norm_eps": EPSILON, "rope_theta": ROTARY_BASE, "hidden_act": "silu", "attention_bias": False, "mlp_bias": False,
        "tie_word_embeddings": False, "pad_token_id": None, "bos_token_id": None, "eos_token_id": None,
    }


def llama_weights(model: Bands) -> dict[str, Tensor]:
    """Return the weights under Llama's names, what we keep in one matrix taken apart."""
    weights = {"model.embed_tokens.weight": model.embeddings[0].weight, "model.norm.weight": model.norm.weight,
               "lm_head.weight": model.heads[0].logits.weight}
    silent = (_heads(model) - model.config.heads) * model.config.head_width
    for number, block in enumerate(model.blocks):
        query, key, value = (pad(part, (0, 0, 0, silent)) for part in block.query_key_value.weight.chunk(3))
        gate, up = block.gate_up.weight.chunk(2)
        parts = {"input_layernorm": block.attention_norm.weight, "self_attn.q_proj": query, "self_attn.k_proj": key,
                 "self_attn.v_proj": value, "self_attn.o_proj": pad(block.out.weight, (0, silent)),
                 "post_attention_layernorm": block.feed_norm.weight, "mlp.gate_proj": gate, "mlp.up_proj": up,
                 "mlp.down_proj": block.down.weight}
        weights |= {f"model.layers.{number}.{name}.weight": weight for name, weight in parts.items()}
    return {name: weight.detach().clone().contiguous() for name, weight in weights.items()}


def _heads(model: Bands) -> int:
    """Return the least number of heads, ours and silent ones, that divides the width."""
    width = model.config.width
    return next(heads for heads in range(model.config.heads, width + 1) if width % heads == 0)
