# SPDX-License-Identifier: Apache-2.0
"""What a configuration may name without becoming a finding: the whole policy of ``mammozoo check``."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Packages whose classes and functions a configuration may name; each name must stand under one of these as written
# *and* where it is defined, so that `torch.serialization.os.system` (an import of torch's) leads out and is refused.
ALLOWED_TARGETS = tuple(
    sorted(
        _words(
            """
            ignite.handlers. ignite.metrics.
            mammozoo.data. mammozoo.engines. mammozoo.functional. mammozoo.io.reader. mammozoo.losses.
            mammozoo.metrics. mammozoo.networks. mammozoo.report. mammozoo.require mammozoo.stats. mammozoo.transforms.
            monai.apps.deepedit. monai.apps.deepgrow. monai.apps.detection. monai.apps.generation.
            monai.apps.pathology. monai.apps.reconstruction. monai.apps.vista3d.
            monai.data. monai.engines. monai.handlers. monai.inferers. monai.losses. monai.metrics. monai.networks.
            monai.optimizers. monai.transforms. monai.utils.enums. monai.utils.misc.set_determinism
            monai.utils.set_determinism monai.visualize.
            torch.amp. torch.nn. torch.optim. torch.utils.data. torch.utils.tensorboard.
            """
        )
    )
)
# Under the prefixes above, but they load code or pickles, or compile what they are given.
DENIED_TARGETS = (
    "monai.data.dataset.LMDBDataset",
    "monai.data.torchscript_utils.",
    "monai.networks.trt_compiler.",
    "monai.networks.utils.convert_to_",
)
# Defined in C or by a loop over names, so not to be found in source.
KNOWN_TARGETS = _words("torch.device torch.Generator torch.Size torch.tensor torch.zeros torch.ones")
BUILTINS = _words(
    """
    abs all any bool dict divmod enumerate filter float frozenset int isinstance len list map max min print range
    reversed round set slice sorted str sum tuple zip
    """
)
# Modules that `$import` may name; what is used of them must be in NAMES or a target.
IMPORTS = _words(
    """
    collections copy datetime functools glob ignite itertools json logging math monai numpy operator os pathlib random
    re sys time torch
    """
)
_NUMPY = _words(
    """
    abs arange argmax array asarray ceil clip concatenate exp float32 float64 floor full inf int32 int64 linspace log
    max maximum mean median min minimum nan newaxis ones pi round sqrt stack std sum uint16 uint8 where zeros
    """
)
_TORCH = _words(
    """
    abs arange argmax as_tensor bfloat16 bool cat ceil clamp device exp float float16 float32 float64 floor from_numpy
    full half inf inference_mode int int16 int32 int64 int8 linspace log long manual_seed max maximum mean min minimum
    nan no_grad ones ones_like round sigmoid softmax sqrt squeeze stack std sum tensor uint16 uint8 unsqueeze where
    zeros zeros_like
    cuda.is_available cuda.device_count cuda.set_device cuda.current_device
    distributed.is_initialized distributed.is_available distributed.get_rank distributed.get_world_size
    distributed.init_process_group distributed.destroy_process_group distributed.barrier
    """
)
_MATH = _words("ceil cos e exp floor fsum inf isfinite isnan log log10 log2 pi prod sin sqrt tan tau")
# What an expression may name, by full name.
NAMES = frozenset(
    {
        *_words(
            """
            functools.partial glob.glob itertools.chain itertools.product os.environ os.environ.get os.getcwd
            os.path.abspath os.path.basename os.path.dirname os.path.exists os.path.isdir os.path.isfile os.path.join
            os.path.splitext os.sep sys.maxsize
            """
        ),
        *(f"math.{name}" for name in _MATH),
        *(f"numpy.{name}" for name in _NUMPY),
        *(f"torch.{name}" for name in _TORCH),
    }
)
# What an expression may read from, or call on, a reference or a lambda's argument.
MEMBERS = _words(
    """
    astype backward batch best_metric best_metric_epoch cpu detach device dtype endswith epoch epoch_length eval exp
    flatten float get half index int is_cuda item items iteration iterations join keys log long lower max max_epochs
    mean metrics min module name ndim network numel numpy out_channels output parameters prepare rank replace reshape
    round run shape sigmoid size softmax spatial_shape split squeeze startswith state state_dict stem std strip
    suffix sum to train transfer transforms transpose type unsqueeze upper values view
    """
)
# What the pickle inside a PyTorch file may name: tensors, their storages and plain containers.
PICKLE_GLOBALS = frozenset(
    {
        *_words(
            """
            collections.OrderedDict torch.Size torch.device torch.Tensor torch._tensor._rebuild_from_type_v2
            torch._utils._rebuild_parameter torch._utils._rebuild_parameter_with_state
            torch._utils._rebuild_tensor torch._utils._rebuild_tensor_v2 torch._utils._rebuild_tensor_v3
            torch.nn.parameter.Parameter torch.serialization._get_layout torch.storage.TypedStorage
            torch.storage.UntypedStorage
            """
        ),
        *(
            f"torch.{name}Storage"
            for name in _words("BFloat16 Bool Byte Char ComplexDouble ComplexFloat Double Float Half Int Long Short")
        ),
        *(
            f"torch.{name}"
            for name in _words("bfloat16 bool float16 float32 float64 int16 int32 int64 int8 uint16 uint8")
        ),
    }
)
