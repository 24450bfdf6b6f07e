"""The memory-GAN that imputes gene images."""
