[package]
name = "provisioning"
version = "0.1.0"
