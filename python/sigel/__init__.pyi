from . import datasets as datasets
from . import io as io
from . import pl as pl
from . import report as report
from . import tl as tl

__version__: str
from .config import EncoderConfig as EncoderConfig
from .config import ImageConfig as ImageConfig
from .config import MixtureConfig as MixtureConfig
from .config import SIGELConfig as SIGELConfig
from .config import TrainConfig as TrainConfig
from .images import GeneImages as GeneImages
from .images.raster import Raster as Raster
from .model import SIGEL as SIGEL
