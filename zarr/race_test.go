package zarr_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"healpipe/internal/s3test"
	"healpipe/internal/testenv"
	"healpipe/storage"
	"healpipe/zarr"
	"healpipe/zarr/zarrstore"
)

const (
	raceProcesses = 8
	raceHours     = 24
	raceLevels    = 5
	raceCells     = 96
	raceEnv       = "ZARR_RACE_WRITER" // "PLACE NUMBER": this process is a writer of TestProcessesShareShard
)

func TestMain(m *testing.M) {
	if job := os.Getenv(raceEnv); job != "" {
		if err := raceWriter(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// raceWriter writes every eighth hour of one shard and of one chunk, each in a write of its own.
func raceWriter(job string) error {
	place, number, _ := strings.Cut(job, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	st, err := raceStore(place)
	if err != nil {
		return err
	}
	ctx := context.Background()
	g, err := zarr.OpenGroup(ctx, st, "", zarr.Options{})
	if err != nil {
		return err
	}
	for hour := n; hour < raceHours; hour += raceProcesses {
		values := make([]float32, raceLevels*raceCells)
		for i := range values {
			values[i] = float32(1000*hour + i + 1)
		}
		shards, err := g.Array(ctx, "shard")
		if err != nil {
			return err
		}
		if err := zarr.Write(ctx, shards, zarr.Region{Start: []int{hour, 0, 0}, Shape: []int{1, raceLevels, raceCells}}, values); err != nil {
			return err
		}
		chunks, err := g.Array(ctx, "chunk")
		if err != nil {
			return err
		}
		if err := zarr.Write(ctx, chunks, zarr.Region{Start: []int{hour, 0}, Shape: []int{1, raceCells}}, values[:raceCells]); err != nil {
			return err
		}
	}
	return nil
}

// raceStore opens a folder, or the bucket "bkt" of a server at an http URL.
func raceStore(place string) (zarr.Store, error) {
	if !strings.HasPrefix(place, "http") {
		l := storage.NewLocal(place)
		l.NoSync = true
		return zarrstore.New(l), nil
	}
	c, err := storage.NewS3Client(storage.S3Options{Endpoint: place, Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey})
	if err != nil {
		return nil, err
	}
	b, err := c.Bucket("bkt", "store")
	if err != nil {
		return nil, err
	}
	return zarrstore.New(b), nil
}

// TestProcessesShareShard lets processes write disjoint hours of one shard, so of every inner chunk in it, at
// the same time.
func TestProcessesShareShard(t *testing.T) {
	t.Parallel()
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		shareShard(t, dir, dir)
		names := must(filepath.Glob(filepath.Join(dir, "shard", "c", "0", "0", "*")))(t)
		if len(names) != 1 {
			t.Errorf("left in the shard's folder: %v", names)
		}
	})
	t.Run("S3", func(t *testing.T) {
		t.Parallel()
		server := s3test.Start(t, "bkt")
		shareShard(t, server.Endpoint, filepath.Join(server.Dir, "bkt", "store"))
	})
}

// shareShard runs the writers on a store and lets zarr-python check its files.
func shareShard(t *testing.T, place, files string) {
	t.Helper()
	ctx := context.Background()
	st := must(raceStore(place))(t)
	g := must(zarr.CreateGroup(ctx, st, "", nil, zarr.Options{}))(t)
	must(g.Create(ctx, "shard", zarr.ArrayOptions{Shape: []int{48, raceLevels, raceCells}, DataType: zarr.TypeFloat32,
		Chunks: []int{raceHours, 1, raceCells}, Shards: []int{raceHours, raceLevels, raceCells}}))(t)
	must(g.Create(ctx, "chunk", zarr.ArrayOptions{Shape: []int{48, raceCells}, DataType: zarr.TypeFloat32, Chunks: []int{raceHours, raceCells}}))(t)
	self := must(os.Executable())(t)
	var writers []*exec.Cmd
	for i := range raceProcesses {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", raceEnv, place, i))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		writers = append(writers, cmd)
	}
	for i, cmd := range writers {
		if err := cmd.Wait(); err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	out := testenv.RunPython(t, `
import sys, numpy as np, zarr
g = zarr.open_group(sys.argv[1], mode="r")
want = 1000 * np.arange(24)[:, None, None] + np.arange(5 * 96).reshape(5, 96) + 1
print((g["shard"][:24] == want).all(), (g["chunk"][:24] == want[:, 0]).all(), (g["shard"][24:] == 0).all())`, files)
	if strings.TrimSpace(out) != "True True True" {
		t.Errorf("the writers lost something: %s", out)
	}
}
