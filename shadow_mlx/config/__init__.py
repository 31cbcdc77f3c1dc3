"""Every option of the project, declared once, in groups that travel whole.

Nothing heavy is imported here: ``--help`` must answer at once.
"""

from shadow_mlx.config.answers import (
    NO_TEST_FILE,
    AnswerConfig,
    ChatConfig,
    CompareConfig,
    GenerateConfig,
    MetricName,
    SamplingConfig,
    Score,
)
from shadow_mlx.config.converting import (
    ConvertConfig,
    Delimiter,
    SampleConfig,
    ShuffleConfig,
    SplitConfig,
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
    Parallel,
    ParallelConfig,
)
from shadow_mlx.config.publishing import ExportConfig, ExportFormat, ImportConfig, PushConfig
from shadow_mlx.config.serving import API_KEY_VARIABLE, ServeConfig
from shadow_mlx.config.shadow import ShadowConfig, Sharing
from shadow_mlx.config.training import ObjectiveName, OptimizerName, ScheduleName, TrainConfig
from shadow_mlx.config.writing import WritingConfig, WrittenAnswers

__all__ = [
    "API_KEY_VARIABLE",
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
    "ConvertConfig",
    "DataConfig",
    "Delimiter",
    "EncodingConfig",
    "ExportConfig",
    "ExportFormat",
    "GenerateConfig",
    "ImportConfig",
    "LengthPolicy",
    "MetricName",
    "Mode",
    "ModelConfig",
    "ObjectiveName",
    "OptimizerName",
    "Parallel",
    "ParallelConfig",
    "PushConfig",
    "SampleConfig",
    "SamplingConfig",
    "ScheduleName",
    "Score",
    "ServeConfig",
    "ShadowConfig",
    "Sharing",
    "ShuffleConfig",
    "SplitConfig",
    "TemplateConfig",
    "Thinking",
    "TrainConfig",
    "WritingConfig",
    "WrittenAnswers",
]
