from ._describe import Description as Description
from ._describe import describe as describe
from ._imputed import read_imputed as read_imputed
from ._network import write_network as write_network
from ._read import read as read
