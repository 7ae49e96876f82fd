package kombu

import "errors"

// This file holds what is not filled in yet; it disappears function by function.

var errPending = errors.New("kombu: not filled in yet")

func encodeYAML(v any) ([]byte, error)    { return nil, errPending }
func decodeYAML(b []byte) (any, error)    { return nil, errPending }
func encodeMsgpack(v any) ([]byte, error) { return nil, errPending }
func decodeMsgpack(b []byte) (any, error) { return nil, errPending }
