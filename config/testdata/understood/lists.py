parts = "redis,broker,6379,0".split(",")
scheme, *middle, db = parts
first, second, *_ = [1, 2, 3, 4]
(a, b), c = (1, 2), 3
x = y = 7
LEVELS = list(map(int, ["37", "5"]))[0]
TIME_CHUNK = sorted([48, 24, 96], key=lambda n: -n)[-1]
OUTPUT_LEVEL = [i for i, n in enumerate(("a", "b", "c")) if n == "c"][0] + x - y + c
ERA5_ROOTS = [f"{k}/{v}" for k, v in zip(["sfc", "pl"], ("s", "p"))] + list(reversed(["r1", "r2"])) + [*"ab", *("c",)] + parts[1:3] + parts[::-2] + list(dict.fromkeys(["u", "v", "u"])) + sorted({"z", "y"} | {"x"} - {"y"})
CELERY_BROKER = f"{scheme}://{middle[0]}:{middle[-1]}/{db}"
OUTPUT_BUCKET = str(first + second) + str(_) + str(divmod(7, 3)) + str(list(filter(None, ["", "k"]))) + str(any([0, 1])) + str(all([])) + str(next(iter([5]))) + str(list(range(5, 0, -2)))
ERA5_PROFILE = str({"a": 1, **{"b": 2}}) + str(dict(zip("xy", [1, 2]))) + str((1,)) + str([None, True, 1.5, "q"]) + str(sorted({3, 1, 2})) + str(len(set("hello")))
ZARR_PROFILE = str(1 < x <= 7 != 8) + str(not a) + str(2 in (1, 2)) + str("b" not in "abc") + str(a if b else c) + str(x is None) + str(isinstance(x, (int, float)))
lst = [1, 2, 3]
lst[0], lst[-1] = lst[-1], lst[0]
lst.insert(1, 9)
lst.remove(2)
del lst[0]
lst += [4]
ZARR_PATH = str(lst) + str(lst.index(1)) + str(lst.count(4)) + str(min(lst, key=abs)) + str(sum(lst, 10)) + str([1, 2] == [1, 2]) + str(lst * 2)
