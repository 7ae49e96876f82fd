package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"healpipe/celery"
	"healpipe/config"
	"healpipe/storage"
)

// probeBroker asks a broker or result backend for a sign of life, its clock and how it keeps its memory. A
// user who may not ask for the latter two gets along without them.
func probeBroker(ctx context.Context, url string, conf celery.Config) (config.BrokerState, error) {
	var s config.BrokerState
	if url != conf.Broker { // the result backend
		conf = celery.Config{BrokerUseSSL: conf.ResultBackendUseSSL, BrokerTransportOptions: conf.ResultBackendTransportOptions}
	}
	conf.Broker = url
	app := celery.New(conf)
	defer app.Close()
	conn, err := app.Dial(ctx)
	if err != nil {
		return s, err
	}
	defer conn.Close()
	if err := conn.Ping(ctx); err != nil {
		return s, err
	}
	if reply, err := conn.Redis().Do(ctx, true, "TIME"); err == nil {
		s.Time, _ = redisTime(reply)
	}
	for _, section := range []string{"server", "memory"} {
		reply, err := conn.Redis().Do(ctx, true, "INFO", section)
		if err != nil {
			continue
		}
		readInfo(redisText(reply), &s)
	}
	return s, ctx.Err()
}

// redisTime reads the reply to TIME: seconds and microseconds.
func redisTime(reply any) (time.Time, bool) {
	pair, ok := reply.([]any)
	if !ok || len(pair) != 2 {
		return time.Time{}, false
	}
	sec, err := strconv.ParseInt(redisText(pair[0]), 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	micro, err := strconv.ParseInt(redisText(pair[1]), 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(sec, micro*1000), true
}

func redisText(v any) string {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// readInfo takes what is asked for from the lines key:value of INFO.
func readInfo(text string, s *config.BrokerState) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		switch key {
		case "redis_version":
			s.Version = value
		case "maxmemory_policy":
			s.Eviction = value
		case "maxmemory":
			s.MaxMemory, _ = strconv.ParseInt(value, 10, 64)
		}
	}
}

// errFound ends a listing at its first object.
var errFound = errors.New("found")

// probeList tells whether there is any object where the index would look for input.
func (s *site) probeList(ctx context.Context, path, profile string) (bool, error) {
	st, err := s.opener.Root(path, profile)
	if err != nil {
		return false, err
	}
	first := func(storage.Info) error { return errFound }
	if isBucket(path, profile) {
		err = st.List(ctx, "", first)
	} else {
		err = st.ListDir(ctx, "", first)
	}
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}

// probeWrite writes a small object, reads it again and removes it. A local folder that does not exist is not
// made: the nearest one above it is tried, where the program would make it.
func (s *site) probeWrite(ctx context.Context, path, profile string) error {
	if !isBucket(path, profile) {
		var err error
		if path, err = existing(path); err != nil {
			return err
		}
	}
	st, err := s.opener.Root(path, profile)
	if err != nil {
		return err
	}
	key, want := "healpipe-doctor-"+rand.Text()+".tmp", []byte("healpipe doctor: this object may be deleted\n")
	if _, err := st.Put(ctx, key, want, storage.Condition{}); err != nil {
		return err
	}
	got, _, err := st.Get(ctx, key)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%s gives other bytes back than were written", storage.Join(path, key))
	}
	return errors.Join(err, st.Delete(ctx, key))
}

// isBucket tells whether a path is one of a bucket, by the rules of storage.Opener.
func isBucket(path, profile string) bool { return profile != "" || strings.HasPrefix(path, "s3://") }

// existing returns the path, or the nearest folder above that exists.
func existing(path string) (string, error) {
	path, err := filepath.Abs(path)
	for err == nil {
		if _, e := os.Stat(path); e == nil || !errors.Is(e, os.ErrNotExist) || filepath.Dir(path) == path {
			break
		}
		path = filepath.Dir(path)
	}
	return path, err
}
