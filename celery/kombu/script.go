package kombu

import (
	"crypto/sha1"
	"encoding/hex"

	"github.com/gomodule/redigo/redis"
)

func newScript(name, src string, idempotent bool) *Script {
	sum := sha1.Sum([]byte(src))
	return &Script{name: name, src: src, sha: hex.EncodeToString(sum[:]), idempotent: idempotent}
}

// arguments are those of EVALSHA.
func (s *Script) arguments(keys []string, args []any) []any {
	out := make([]any, 0, 2+len(keys)+len(args))
	out = append(out, s.sha, len(keys))
	for _, k := range keys {
		out = append(out, k)
	}
	return append(out, args...)
}

func (s *Script) call(keys []string, args []any) *call {
	return &call{cmd: "EVALSHA", args: s.arguments(keys, args), script: s, idem: s.idempotent}
}

// load makes a server know scripts.
func load(conn redis.Conn, scripts ...*Script) error {
	for _, s := range scripts {
		if err := conn.Send("SCRIPT", "LOAD", s.src); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	for range scripts {
		if _, err := conn.Receive(); err != nil {
			return err
		}
	}
	return nil
}
