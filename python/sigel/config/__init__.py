"""Every setting: frozen, checked, with its default and the reason for it."""

from sigel.config.fit import EncoderConfig, ImageConfig, MixtureConfig, SIGELConfig, TrainConfig

__all__ = ["EncoderConfig", "ImageConfig", "MixtureConfig", "SIGELConfig", "TrainConfig"]
