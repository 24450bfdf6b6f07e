from ._network import write_network as write_network
