package storage

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
)

// Opener opens paths as the settings write them: with a profile, "bucket/key" or "s3://bucket/key"; with
// an empty profile, a local path. It keeps one connection pool for each profile and one Local for each
// folder. All methods are safe for concurrent use.
type Opener struct {
	// Monitor counts what the storages move; nil is nobody. Set it before the first use.
	Monitor *Monitor

	profiles func(name string) (S3Options, error)

	mu      sync.Mutex
	clients map[string]*S3Client
	buckets map[string]*S3
	folders map[string]*Local
}

// NewOpener returns an Opener that asks profiles for a profile's options the first time that it is used.
// "s3://" with an empty profile asks for "". A nil profiles knows that one alone, as the zero S3Options.
func NewOpener(profiles func(name string) (S3Options, error)) *Opener {
	if profiles == nil {
		profiles = func(name string) (S3Options, error) {
			if name != "" {
				return S3Options{}, errors.New("no profiles are configured")
			}
			return S3Options{}, nil
		}
	}
	return &Opener{
		profiles: profiles,
		clients:  map[string]*S3Client{}, buckets: map[string]*S3{}, folders: map[string]*Local{},
	}
}

// Root opens a folder, or a bucket with or without a prefix.
func (o *Opener) Root(path, profile string) (Storage, error) {
	bucket, key, ok := splitS3(path, profile)
	if !ok {
		return o.folder(path), nil
	}
	return o.bucket(path, profile, bucket, key)
}

// File opens what holds one file or object, and returns its key there.
func (o *Opener) File(path, profile string) (Storage, string, error) {
	bucket, key, ok := splitS3(path, profile)
	if !ok {
		if path == "" || strings.HasSuffix(path, "/") {
			return nil, "", fmt.Errorf("%q is not the path of a file", path)
		}
		dir, name := filepath.Split(path)
		return o.folder(dir), name, nil
	}
	if key == "" || strings.HasSuffix(key, "/") {
		return nil, "", fmt.Errorf("%q is not the path of an object: write bucket/key or s3://bucket/key", path)
	}
	st, err := o.bucket(path, profile, bucket, "")
	return st, key, err
}

// splitS3 takes the path of an object apart; ok is false for a local path.
func splitS3(path, profile string) (bucket, key string, ok bool) {
	rest, scheme := strings.CutPrefix(path, "s3://")
	if profile == "" && !scheme {
		return "", "", false
	}
	bucket, key, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
	return bucket, strings.TrimLeft(key, "/"), true
}

func (o *Opener) folder(path string) *Local {
	o.mu.Lock()
	defer o.mu.Unlock()
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	l := o.folders[path]
	if l == nil {
		l = NewLocal(path)
		l.monitor = o.Monitor
		o.folders[path] = l
	}
	return l
}

func (o *Opener) bucket(path, profile, bucket, prefix string) (*S3, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := profile + "\x00" + bucket + "/" + dirPrefix(prefix)
	if s := o.buckets[id]; s != nil {
		return s, nil
	}
	client := o.clients[profile]
	if client == nil {
		opt, err := o.profiles(profile)
		if err == nil {
			opt.Monitor = cmp.Or(opt.Monitor, o.Monitor)
			client, err = NewS3Client(opt)
		}
		if err != nil {
			return nil, fmt.Errorf("open %s with the profile %q: %w", path, profile, err)
		}
		o.clients[profile] = client
	}
	s, err := client.Bucket(bucket, prefix)
	if err != nil {
		return nil, fmt.Errorf("open %q with the profile %q: %w", path, profile, err)
	}
	o.buckets[id] = s
	return s, nil
}
