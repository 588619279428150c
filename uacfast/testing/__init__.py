"""What tests and benchmarks need from the inside; nothing of the running proxy imports it. Imports: all."""
