import sys

LEVELS = 37


def main():
    print("LEVELS is", LEVELS, file=sys.stderr)
    for name, value in sorted(globals().items()):
        if name.isupper():
            print(f"{name} = {value!r}")


if __name__ == "__main__":
    main()
    sys.exit(0)
else:
    ZARR_PATH = __name__ + ".zarr"
