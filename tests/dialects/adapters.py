"""All dialects. A new one is a class here and a column in docs/dialects.md."""

from __future__ import annotations

from .adapter import Adapter
from .agentuity import Agentuity
from .engine import Engine
from .forq import Forq
from .okmq import Okmq
from .tinymq import Tinymq

ADAPTERS: tuple[type[Adapter], ...] = (Engine, Okmq, Agentuity, Forq, Tinymq)
