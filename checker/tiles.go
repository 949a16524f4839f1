package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// C2SP tlog-tiles.

const (
	tileWidth    = 256
	levelEntries = -1
	maxBundle    = tileWidth * (2 + maxStatement)
)

type tile struct {
	level int // levelEntries: a bundle
	index uint64
	width int
}

func (t tile) path() string {
	level, digits := strconv.Itoa(t.level), fmt.Sprintf("%03d", t.index%1000)
	if t.level == levelEntries {
		level = "entries"
	}
	for n := t.index / 1000; n > 0; n /= 1000 {
		digits = fmt.Sprintf("x%03d/", n%1000) + digits
	}
	if t.width < tileWidth {
		digits += ".p/" + strconv.Itoa(t.width)
	}
	return "tile/" + level + "/" + digits
}

// parseBundle cuts a bundle into exactly this many entries.
func parseBundle(b []byte, width int) (entries [][]byte) {
	r := &reader{b}
	for range width {
		entries = append(entries, r.take(int64(binary.BigEndian.Uint16(r.take(2)))))
	}
	r.end()
	return entries
}

var errMissing = errors.New("it is not there")

// source is a published log: a folder or the URL that stands before /checkpoint. It gives one byte more than the limit where there
// is more: every check of a length then fails.
type source func(path string, limit int64) ([]byte, error)

func openSource(where string) source {
	if !strings.HasPrefix(where, "http://") && !strings.HasPrefix(where, "https://") {
		return func(path string, limit int64) ([]byte, error) {
			name := filepath.Join(where, filepath.FromSlash(path))
			if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
				return nil, errMissing
			}
			return readFile(name, limit)
		}
	}
	client := &http.Client{Timeout: 30 * time.Second}
	return func(path string, limit int64) ([]byte, error) {
		answer, err := client.Get(strings.TrimSuffix(where, "/") + "/" + path)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusOK:
			return io.ReadAll(io.LimitReader(answer.Body, limit+1))
		case http.StatusNotFound:
			return nil, errMissing
		}
		return nil, fmt.Errorf("the server answered %s", answer.Status)
	}
}

func readFile(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit+1))
}

// fetch gives a tile's bytes and its width. Where a partial one is gone the log has the full one, of which the first part is meant.
func (get source) fetch(t tile) ([]byte, int, error) {
	b, err := get(t.path(), maxBundle)
	if errors.Is(err, errMissing) && t.width < tileWidth {
		t.width = tileWidth
		b, err = get(t.path(), maxBundle)
	}
	return b, t.width, err
}
