// SPDX-License-Identifier: Apache-2.0

// Checks an exported ledger with golang.org/x/mod's note and tlog packages, an implementation that is not ours:
//
//	check TILES VKEY OLD-CHECKPOINT ENTRIES PROOFS
//
// TILES is what `muniment log export --tiles` wrote, ENTRIES the JSON lines, PROOFS a directory of INDEX.tlog-proof files.
// Prints TAP.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var tests, failures int

func result(name string, err error) {
	tests++
	if err != nil {
		failures++
		fmt.Printf("not ok %d - %s\n# %v\n", tests, name, err)
		return
	}
	fmt.Printf("ok %d - %s\n", tests, name)
}

// openCheckpoint parses c2sp.org/tlog-checkpoint out of a note that the key signed.
func openCheckpoint(message []byte, key note.Verifier) (tree tlog.Tree, err error) {
	n, err := note.Open(message, note.VerifierList(key))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tree, fmt.Errorf("%d lines, expected 3", len(lines)-1)
	}
	if lines[0] != key.Name() {
		return tree, fmt.Errorf("origin %q", lines[0])
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// tiles reads tile/L/N[.p/W] below a directory. Height 8 does not stand in these paths as it does in sumdb's.
type tiles struct {
	dir   string
	flip  bool
	cache map[tlog.Tile][]byte
}

func (t *tiles) Height() int { return 8 }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range wanted {
		bytes, known := t.cache[tile]
		if !known {
			path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
			if bytes, err = os.ReadFile(filepath.Join(t.dir, path)); err != nil {
				return nil, err
			}
			if len(bytes) != tile.W*tlog.HashSize {
				return nil, fmt.Errorf("%s: %d bytes", path, len(bytes))
			}
			if t.flip {
				bytes[len(bytes)-1] ^= 1
			}
			t.cache[tile] = bytes
		}
		data = append(data, bytes)
	}
	return data, nil
}

// bundle reads tile/entries/N[.p/W].
func bundle(dir string, n, size int64) (entries [][]byte, err error) {
	tile := tlog.Tile{H: 8, L: 0, N: n, W: 256}
	if rest := size - n*256; rest < 256 {
		tile.W = int(rest)
	}
	path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		return nil, err
	}
	for len(data) >= 2 {
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, fmt.Errorf("%s: an entry is cut", path)
		}
		entries = append(entries, data[2:2+length])
		data = data[2+length:]
	}
	if len(data) != 0 || len(entries) != tile.W {
		return nil, fmt.Errorf("%s: %d entries, expected %d", path, len(entries), tile.W)
	}
	return entries, nil
}

// checkEntries holds every bundled entry against its hash in the authenticated tiles, its line, and an inclusion proof.
func checkEntries(dir string, tree tlog.Tree, reader tlog.HashReader, lines *bufio.Scanner) error {
	for n := int64(0); n*256 < tree.N; n++ {
		entries, err := bundle(dir, n, tree.N)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			index := n*256 + int64(i)
			if !lines.Scan() || !bytes.Equal(lines.Bytes(), entry) {
				return fmt.Errorf("entry %d differs from its JSON line", index)
			}
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return err
			}
			if hashes[0] != tlog.RecordHash(entry) {
				return fmt.Errorf("entry %d does not hash to its leaf", index)
			}
			proof, err := tlog.ProveRecord(tree.N, index, reader)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				return fmt.Errorf("entry %d: %v", index, err)
			}
		}
	}
	if lines.Scan() {
		return fmt.Errorf("more lines than entries")
	}
	return nil
}

// checkProof parses a c2sp.org/tlog-proof@v1 file and holds it against a proof made here.
func checkProof(path string, dir string, key note.Verifier, tree tlog.Tree, reader tlog.HashReader) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, checkpoint, found := strings.Cut(string(data), "\n\n")
	if !found {
		return fmt.Errorf("no blank line")
	}
	signed, err := openCheckpoint([]byte(checkpoint), key)
	if err != nil {
		return err
	}
	if signed != tree {
		return fmt.Errorf("another tree head")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return fmt.Errorf("malformed head")
	}
	index, err := strconv.ParseInt(lines[1][len("index "):], 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	entries, err := bundle(dir, index/256, tree.N)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entries[index%256]))
}

func expectError(err error) error {
	if err == nil {
		return fmt.Errorf("was accepted")
	}
	return nil
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: check TILES VKEY OLD-CHECKPOINT ENTRIES PROOFS")
		os.Exit(2)
	}
	dir := os.Args[1]
	key, err := note.NewVerifier(os.Args[2])
	result("note takes the verifier key", err)
	if err != nil {
		os.Exit(1)
	}
	message, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	tree, err := openCheckpoint(message, key)
	result("note opens the checkpoint", err)
	_, err = openCheckpoint(bytes.Replace(message, []byte("\n"), []byte("x\n"), 1), key)
	result("note rejects an altered checkpoint", expectError(err))

	reader := tlog.TileHashReader(tree, &tiles{dir: dir, cache: map[tlog.Tile][]byte{}})
	root, err := tlog.TreeHash(tree.N, reader)
	if err == nil && root != tree.Hash {
		err = fmt.Errorf("%v, expected %v", root, tree.Hash)
	}
	result(fmt.Sprintf("tlog gets the signed root of %d entries from the tiles", tree.N), err)
	_, err = tlog.TreeHash(tree.N, tlog.TileHashReader(tree, &tiles{dir, true, map[tlog.Tile][]byte{}}))
	result("tlog rejects tiles with a flipped bit", expectError(err))

	file, err := os.Open(os.Args[4])
	if err == nil {
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<17)
		err = checkEntries(dir, tree, reader, lines)
	}
	result("every entry hashes to its leaf, is its JSON line and is proved by tlog", err)

	message, err = os.ReadFile(os.Args[3])
	var old tlog.Tree
	if err == nil {
		old, err = openCheckpoint(message, key)
	}
	result("note opens the older checkpoint", err)
	proof, err := tlog.ProveTree(tree.N, old.N, reader)
	if err == nil {
		err = tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
	}
	result(fmt.Sprintf("tlog proves that %d entries continue %d", tree.N, old.N), err)

	proofs, _ := filepath.Glob(filepath.Join(os.Args[5], "*.tlog-proof"))
	if len(proofs) == 0 {
		result("proof files", fmt.Errorf("none"))
	}
	for _, path := range proofs {
		result("tlog takes our "+filepath.Base(path), checkProof(path, dir, key, tree, reader))
	}
	fmt.Printf("1..%d\n", tests)
	if failures > 0 {
		os.Exit(1)
	}
}
