"""`python -m xfg_pipeline` is `xfg`."""

from xfg_pipeline.cli import main

if __name__ == "__main__":
    main()
