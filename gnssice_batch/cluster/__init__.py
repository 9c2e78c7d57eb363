"""Where tasks run: in this process, or on Dask workers; the only package that knows dask or Kubernetes."""
