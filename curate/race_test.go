package curate

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"healpipe/internal/s3test"
	"healpipe/storage"
)

// childEnv makes the test binary, run again, one process that writes one file: STORE INPUT-FOLDER FILE,
// where STORE is a folder or, on a test server, ENDPOINT BUCKET. Its value "for ever" makes it one that writes the
// files STORE INPUT-FOLDER FILE FILE by turns until it is killed.
const childEnv = "CURATE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	if err := child(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(args []string) error {
	ctx, cancel := testContext()
	defer cancel()
	var st storage.Storage = storage.NewLocal(args[0])
	forEver := os.Getenv(childEnv) == "for ever"
	if len(args) == 4 && !forEver {
		b, err := bucket(args[0], args[1])
		if err != nil {
			return err
		}
		st, args = b, args[1:]
	}
	s, err := Open(st, small(), Options{})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		err := s.Process(ctx, storage.NewLocal(args[1]), args[2+i%(len(args)-2)])
		if err != nil || !forEver {
			return err
		}
	}
}

func bucket(endpoint, name string) (*storage.S3, error) {
	c, err := storage.NewS3Client(storage.S3Options{
		Endpoint: endpoint, Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, Patience: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	return c.Bucket(name, "")
}

// raceFiles are eight files that share one shard of u and one chunk of msl.
func raceFiles() map[string]spec {
	files := map[string]spec{}
	for i := range 8 {
		files[fmt.Sprintf("part%d.nc", i)] = spec{
			Vars:  map[string]varSpec{"U": {ShortName: "u", Levels: true, Seed: 10 + i}, "MSL": {ShortName: "msl", Seed: 20 + i, FillEvery: 9}},
			Times: hours(48+3*i, 3), Levels: smallLevels,
		}
	}
	return files
}

// runAll starts eight processes at the same time and waits for all.
func runAll(t *testing.T, args ...string) {
	t.Helper()
	var running []*exec.Cmd
	for i := range 8 {
		cmd := exec.Command(os.Args[0], append(args, fmt.Sprintf("part%d.nc", i))...)
		cmd.Env = append(os.Environ(), childEnv+"=1")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestRaceOfProcesses has eight processes write disjoint hours of one shard and one chunk at the same time,
// on a local disk and on S3: the stores must be the one that Python makes of the same files.
func TestRaceOfProcesses(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	s.make(raceFiles())
	args := []string{"process", s.pyStore(), confOf(s.layout)}
	for i := range 8 {
		args = append(args, s.file(fmt.Sprintf("part%d.nc", i)))
	}
	reference(t, args...)

	runAll(t, s.goStore(), s.file(""))
	s.compare()

	server := s3test.Start(t, "store")
	b, err := bucket(server.Endpoint, "store")
	if err != nil {
		t.Fatal(err)
	}
	s.useStore(b, server.Dir+"/store")
	if _, err := s.store.Init(t.Context(), s.levels); err != nil {
		t.Fatal(err)
	}
	runAll(t, server.Endpoint, "store", s.file(""))
	s.compare()
}

// TestProcessOnS3 keeps both the files and the store in buckets.
func TestProcessOnS3(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	s.make(testFiles)
	server := s3test.Start(t, "store", "files")
	b, err := bucket(server.Endpoint, "store")
	if err != nil {
		t.Fatal(err)
	}
	s.useStore(b, server.Dir+"/store")
	local := s.in
	if s.in, err = bucket(server.Endpoint, "files"); err != nil {
		t.Fatal(err)
	}
	if err := local.List(t.Context(), "", func(i storage.Info) error {
		data, _, err := local.Get(t.Context(), i.Key)
		if err == nil {
			_, err = s.in.Put(t.Context(), i.Key, data, storage.Condition{})
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Init(t.Context(), s.levels); err != nil {
		t.Fatal(err)
	}
	s.process(sortedKeys(testFiles)...)
	s.compare()
	before := s.snapshot()
	for _, name := range sortedKeys(testFiles) {
		if err := s.store.Process(t.Context(), s.in, name); err != nil {
			t.Fatal(err)
		}
	}
	s.sameAs(before)
}
