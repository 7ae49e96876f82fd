package kombu

import "errors"

// Sentinel errors; the errors that this package returns wrap them with the object concerned.
var (
	// ErrConnection means that the broker could not be reached or that the connection broke. The
	// command was not sent, or sending it again does no harm.
	ErrConnection = errors.New("broker connection")
	// ErrUncertain means that the connection broke after a command was sent and before its reply: it may
	// have been executed. It wraps ErrConnection.
	ErrUncertain = errors.New("outcome unknown")
	// ErrClosed means that the Connection, Consumer or Subscription has been closed.
	ErrClosed = errors.New("kombu: closed")
	// ErrUnroutable means that no queue is bound to the exchange with this routing key.
	ErrUnroutable = errors.New("no queue bound")
	// ErrNotOwned means that a delivery is no longer held by this consumer: it was restored by a peer, or
	// it has been acknowledged before.
	ErrNotOwned = errors.New("message not held any more")
	// ErrEnvelope means that bytes are not a Kombu message.
	ErrEnvelope = errors.New("not a Kombu message")
	// ErrContentDisallowed means that a message's content type is not in the accepted ones.
	ErrContentDisallowed = errors.New("content disallowed")
	// ErrDecode means that a body is not what its headers say.
	ErrDecode = errors.New("decode error")
	// ErrEncode means that a value can't be expressed in the serializer asked for.
	ErrEncode = errors.New("encode error")
	// ErrSerializer means that a serializer or a compression is unknown.
	ErrSerializer = errors.New("no such codec")
	// ErrTooLarge means that a body exceeds the limit of decompressed bytes.
	ErrTooLarge = errors.New("too large")
	// ErrConfig means that a URL or an option is not valid.
	ErrConfig = errors.New("kombu configuration")
)
