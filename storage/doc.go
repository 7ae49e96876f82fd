// Package storage is the one view of files and objects that the rest of healpipe uses: a flat space of
// objects named by slash-separated keys, in a local folder ([Local]), an S3 bucket ([S3]) or memory
// ([Memory]).
//
// # Guarantees
//
// The same for every implementation (storagetest holds the conformance suite):
//
//   - An object appears whole or not at all: Put and Create publish in one step, a failed or abandoned
//     write leaves nothing behind.
//   - A Reader sees one version of its object: if the object is replaced while it is read, reads either
//     go on with the old version or fail with [ErrChanged]; they never mix two.
//   - Conditional writes ([Condition], [Edit], [Update]) are atomic against every other process that uses this
//     package on the same storage.
//   - Errors are of type [*Error], name the operation and the full path, and match fs.ErrNotExist,
//     fs.ErrPermission, [ErrPrecondition], [ErrChanged] or [ErrDiskFull] where that is the cause.
//   - Listing a storage whose folder or bucket does not exist is fs.ErrNotExist; a prefix without
//     objects is an empty list.
//
// # On a local disk
//
// A target NAME in the folder DIR is written as follows; every write and every removal takes the lock.
//
//	DIR/.healpipe-RANDOM.tmp     the new bytes, flocked while they are written, synced
//	DIR/.healpipe-HASH.lock      flocked by the one process that may now change NAME
//	DIR/NAME                     renamed over, then DIR is synced
//
// Under [Together] the syncs and the renames go on in the background, up to 16 files at the same time, and the folders
// are synced at the end. The bytes of replaced files are freed in the background, too.
//
// A NAME that is a symbolic link stands for the file that it points to: DIR is then that file's folder, and the
// link stays as it is. A removal takes the link away.
//
// The lock file exists only while somebody holds or awaits the lock: the holder removes it before it lets
// go, and whoever then gets a lock on the removed file starts again. A process that is killed lets go of
// its locks with its life; what it leaves behind are hidden names that no listing shows, and the next write
// into the folder removes them. The file system must have flock (NFS and Lustre: between machines too, as
// they are mounted); where it has not, writes fail with an error that says so.
//
// # On S3
//
// Reads are ranges under If-Match, resumed at the byte after a broken or silent connection and tried again,
// with growing waits, until [S3Options].Patience has passed without progress. A server that knows no ranges
// is read once, into an unnamed temporary file. Writes are one put, or a multipart upload that is cancelled
// when it fails. Conditional writes use If-None-Match and If-Match; before the first one, a hidden object
// shows whether the service heeds them (some ignore what they do not know). Where it does not, this process's
// writers exclude each other, but a write of another process in the same instant may be lost.
//
// # Limits
//
// Local folders are for Unix systems. One process should open a local folder once (several tasks share
// one Local), since some network file systems do not keep the locks of one process apart.
package storage
