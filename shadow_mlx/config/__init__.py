"""Every option of the project, declared once, in groups that travel whole.

Nothing heavy is imported here: ``--help`` must answer at once.
"""

from shadow_mlx.config.answers import (
    NO_TEST_FILE,
    AnswerConfig,
    ChatConfig,
    CompareConfig,
    GenerateConfig,
    SamplingConfig,
    Score,
)
from shadow_mlx.config.data import ColumnConfig, DataConfig, LengthPolicy, TemplateConfig, Thinking
from shadow_mlx.config.model import (
    BUNDLED_MODEL,
    DEFAULT_HUB_MODEL,
    MODEL_VARIABLE,
    MODES,
    BackboneConfig,
    EncodingConfig,
    Mode,
    ModelConfig,
)
from shadow_mlx.config.shadow import ShadowConfig, Sharing
from shadow_mlx.config.training import OptimizerName, ScheduleName, TrainConfig

__all__ = [
    "BUNDLED_MODEL",
    "DEFAULT_HUB_MODEL",
    "MODEL_VARIABLE",
    "MODES",
    "NO_TEST_FILE",
    "AnswerConfig",
    "BackboneConfig",
    "ChatConfig",
    "ColumnConfig",
    "CompareConfig",
    "DataConfig",
    "EncodingConfig",
    "GenerateConfig",
    "LengthPolicy",
    "Mode",
    "ModelConfig",
    "OptimizerName",
    "SamplingConfig",
    "ScheduleName",
    "Score",
    "ShadowConfig",
    "Sharing",
    "TemplateConfig",
    "Thinking",
    "TrainConfig",
]
