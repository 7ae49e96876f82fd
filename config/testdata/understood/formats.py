HOST, PORT, DB = "broker.example.org", 6379, 3
CELERY_BROKER = "redis://%s:%d/%i" % (HOST, PORT, DB)
RESULT_BACKEND = "redis://{host}:{port:d}/{db!s}".format(host=HOST, port=PORT, db=DB + 1)
ERA5_ROOTS = ["%(kind)s_%(year)04d" % {"kind": "pl", "year": 79}, "{0}-{1:>6}-{0!r}".format("a", "b"), "{:08.3f}|{:+d}|{:,}|{:e}".format(3.14159, 5, 1234567, 12345.678),
              "{a[0]}{b[k]}".format(a=[1, 2], b={"k": "v"}), "%-6s|%6.2f|%x|%o|%%|%5d|%c" % ("ab", 2.5, 255, 8, 42, "z"), "{{literal}} {}".format(1), "{:^9}|{:*<5}|{:>{w}}".format("mid", "x", "r", w=4)]
OUTPUT_BUCKET = f"{HOST.split('.')[0]}/{PORT:#x}/{DB:03}/{1e-7}/{1/3:.4g}/{True}/{None}"
ZARR_PATH = f"{'nested ' + f'{DB}' + '!'}|{HOST!r:>22}|{DB=}|{DB + 1 = }|{PORT=:,}|{HOST[:3]=!s}|{{}}|{10**3:,d}|{255:b}|{0.5:%}"
TIME_UNITS = f"minutes since {1900:d}-{1}-{1} 0:0:{0:.0f}"
ZARR_PROFILE = (f"a{HOST[0]}"
                "b"
                rf"\d{DB}"
                F'{"c"}')
