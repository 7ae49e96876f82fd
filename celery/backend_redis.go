package celery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"healpipe/celery/kombu"
)

// Keys of the Redis result backend.
const (
	taskKeyPrefix  = "celery-task-meta-"
	groupKeyPrefix = "celery-taskset-meta-"
)

// redisBackend keeps results in Redis as Celery's does: celery-task-meta-<id> holds the latest state, written and
// published in one step unless it is already SUCCESS.
type redisBackend struct {
	app    *App
	conn   *kombu.Connection
	redis  *kombu.Redis
	prefix string
	watch  watcher
	late   latecomers
}

func (a *App) newRedisBackend(ctx context.Context, url string, log *logger) (backend, error) {
	opts := kombu.Options{ConnectTimeout: a.conf.BrokerConnectionTimeout}
	if log != nil {
		opts.Logger = log.slog()
	}
	prefix := ""
	if p, ok := a.conf.ResultBackendTransportOptions["global_keyprefix"].(string); ok && p != "" {
		if prefix = p; !strings.ContainsAny(p[len(p)-1:], ":_-.") {
			prefix += "_"
		}
	}
	if len(a.conf.ResultBackendUseSSL) > 0 {
		tls, err := kombu.ParseTLSOptions(a.conf.ResultBackendUseSSL)
		if err != nil {
			return nil, fmt.Errorf("celery: redis_backend_use_ssl: %w", err)
		}
		opts.TLS = tls
	}
	transport := cloneMap(a.conf.redis)
	for k, v := range a.conf.ResultBackendTransportOptions {
		if k != "global_keyprefix" {
			transport[k] = v
		}
	}
	var err error
	if opts.Transport, _, err = kombu.ParseTransportOptions(transport); err != nil {
		return nil, fmt.Errorf("celery: result_backend_transport_options: %w", err)
	}
	if rest, ok := strings.CutPrefix(url, "socket://"); ok {
		url = "redis+socket://" + rest
	}
	if scheme, rest, _ := strings.Cut(url, "://"); rest == "" { // "redis://" or "redis" alone is the local server
		url = scheme + "://localhost:6379/0"
	}
	conn, err := kombu.Dial(ctx, url, opts)
	if err != nil {
		return nil, fmt.Errorf("celery: result backend: %w", err)
	}
	b := &redisBackend{app: a, conn: conn, redis: conn.Redis(), prefix: prefix}
	b.watch.b, b.late.b = b, b
	return b, nil
}

func (b *redisBackend) uri() string      { return maskURL(b.app.conf.ResultBackend) }
func (b *redisBackend) persistent() bool { return true }

func (b *redisBackend) close() error {
	b.late.close()
	return errors.Join(b.watch.close(), b.conn.Close())
}

func (b *redisBackend) wait(ctx context.Context, id string, seen func(map[string]any)) (map[string]any, error) {
	return b.watch.wait(ctx, id, seen)
}

func (b *redisBackend) forget(ctx context.Context, r *AsyncResult) error {
	key := b.taskKey(r.ID)
	if r.group {
		key = b.groupKey(r.ID, "")
	}
	_, err := b.redis.Del(ctx, key)
	return err
}

func (b *redisBackend) taskKey(id string) string { return b.prefix + taskKeyPrefix + id }

func (b *redisBackend) groupKey(id, suffix string) string {
	return b.prefix + groupKeyPrefix + id + suffix
}

func (b *redisBackend) put(ctx context.Context, m resultMeta) error {
	data, err := b.encode(m.body)
	if err != nil {
		return err
	}
	key := b.taskKey(m.id)
	receivers, stored, err := b.redis.StoreResult(ctx, key, data, b.app.conf.expiry(m.state))
	if err == nil && stored && receivers == 0 && ReadyState(m.state) {
		b.late.expect(key)
	}
	return err
}

// compressedMark precedes a compressed result, with the name of the compression and another zero byte.
var compressedMark = []byte("\x00celery-compressed\x00")

// encode serializes a meta object, or any other value that the backend keeps.
func (b *redisBackend) encode(v any) ([]byte, error) {
	data, _, _, err := kombu.Serialize(v, b.app.conf.ResultSerializer)
	if err != nil {
		return nil, &Error{Class: "EncodeError", Module: "kombu.exceptions", Args: []any{err.Error()}, Cause: err}
	}
	if c := b.app.conf.ResultCompression; c != "" {
		m := &kombu.Message{}
		if err := m.Encode(data, "raw", c); err != nil {
			return nil, err
		}
		mime, _ := m.Headers["compression"].(string)
		data = append(append(append(bytes.Clone(compressedMark), mime...), 0), m.Body...)
	}
	return data, nil
}

// decode undoes encode.
func (b *redisBackend) decode(data []byte) (any, error) {
	data, err := b.decompress(data)
	if err != nil {
		return nil, err
	}
	ct := map[string]string{"json": kombu.ContentJSON, "yaml": kombu.ContentYAML, "msgpack": kombu.ContentMsgpack}[b.app.conf.ResultSerializer]
	enc := "utf-8"
	if ct == kombu.ContentMsgpack {
		enc = "binary"
	}
	return kombu.Deserialize(data, ct, enc, kombu.Accept{ct: true})
}

// inOrder reads a result again, with its dictionaries in their order.
func (b *redisBackend) inOrder(ctx context.Context, id string, v any) (any, error) {
	data, found, err := b.redis.Get(ctx, b.taskKey(id))
	if err != nil || !found || b.app.conf.ResultSerializer != "json" {
		return v, err
	}
	if data, err = b.decompress(data); err != nil {
		return nil, err
	}
	meta, err := kombu.DecodeOrderedJSON(data)
	if o, ok := meta.(kombu.Object); ok {
		return o.Map()["result"], nil
	}
	return v, err
}

func (b *redisBackend) decompress(data []byte) ([]byte, error) {
	if rest, ok := bytes.CutPrefix(data, compressedMark); ok {
		mime, body, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, errors.New("celery: compressed result without the name of its compression")
		}
		m := &kombu.Message{Body: body, ContentType: kombu.ContentData, ContentEncoding: "binary",
			Headers: map[string]any{"compression": string(mime)}}
		return m.Payload(kombu.Accept{kombu.ContentData: true})
	}
	return data, nil
}

func (b *redisBackend) get(ctx context.Context, id string) (map[string]any, error) {
	data, found, err := b.redis.Get(ctx, b.taskKey(id))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, nil
	}
	return b.meta(id, data)
}

func (b *redisBackend) meta(id string, data []byte) (map[string]any, error) {
	v, err := b.decode(data)
	if err != nil {
		return nil, fmt.Errorf("celery: result of task %s: %w", id, err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("celery: result of task %s is %s, not an object", id, pyType(v))
	}
	return m, nil
}
