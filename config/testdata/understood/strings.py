s = "  Era5/HPX.zarr  ".strip()
ERA5_ROOTS = [s.lower(), s.upper(), s.title(), s.swapcase(), s.capitalize(), s.replace("/", "_", 1), s.removesuffix(".zarr"), s.removeprefix("Era5/"), s.rsplit(".", 1)[0], s.partition("/")[2], s.rpartition(".")[0], s.center(20, "*"), s.ljust(15, "."), s.rjust(15), "7".zfill(3), "x".join("abc"), s[::-1], s[2:-2:2], "%s" % s, s + "!" * 3,
              str(s.startswith(("Era", "x"))), str(s.endswith(".zarr")), str(s.find("H")), str(s.count("r")), str(s.isdigit()), str("12".isdigit()), str("ABC".isupper()), str("a1".isalnum()), str("abc".isalpha()), str("a" < "b" <= "b"), str(len(s)), str("é".encode("utf-8") == b"\xc3\xa9"), " a  b ".split()[1], "k=v=w".split("=", 1)[1], "\n".join("l1\nl2".splitlines()), "abc".index("c") * "z", "{}".format(s), "a,b".rsplit(",")[0], "Straße".casefold(), ",".join(sorted("bca")), "ab" "cd", "xxabxx".strip("x"), "xxabxx".lstrip("x"), "xxabxx".rstrip("x")]
ZARR_PATH = """
    store.zarr
""".strip()
TIME_UNITS = ("minutes since "
              "1900-1-1 "
              "0:0:0")
CELERY_BROKER = "redis://" \
    "localhost" \
    ":6379/0"
