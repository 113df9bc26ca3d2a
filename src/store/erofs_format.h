/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS on disk, as far as an index over a tar needs it (the kernel's
 * Documentation/filesystems/erofs.rst): little-endian, blocks of 512 bytes as a tar has them.
 *
 * A node's number is its place: nid * 32 is where its inode begins. Behind the 64 bytes of the
 * inode stand its attributes, then what its layout wants: nothing, the last part of its data, or
 * the places of its chunks. A place is a block's number; the blocks of the second device, the tar,
 * follow those of the index itself in one numbering (mapped_block).
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define EROFS_MAGIC 0xe0f5e1e2
#define EROFS_BLOCK_BITS 9
#define EROFS_BLOCK (1U << EROFS_BLOCK_BITS)
#define EROFS_SUPER_AT 1024
#define EROFS_DEVICE_SLOT 128
#define EROFS_NODE_SLOT 32

#define EROFS_COMPATIBLE_MTIME 0x2 /* times are of modification */
#define EROFS_NEEDS_CHUNKS 0x4
#define EROFS_NEEDS_DEVICES 0x8

struct erofs_super {
	uint32_t magic, checksum, compatible;
	uint8_t block_bits, more_slots;
	uint16_t root_nid;
	uint64_t nodes, build_time;
	uint32_t build_time_ns, blocks, meta_block, xattr_block;
	uint8_t uuid[16], name[16];
	uint32_t incompatible;
	uint16_t compression, devices, device_slot; /* device_slot * EROFS_DEVICE_SLOT bytes */
	uint8_t directory_block_bits, prefix_count;
	uint32_t prefix_start;
	uint64_t packed_nid;
	uint8_t reserved[24];
} __attribute__((packed));

struct erofs_device {
	uint8_t tag[64]; /* free for use: index_check.c's */
	uint32_t blocks, mapped_block;
	uint8_t reserved[56];
} __attribute__((packed));

/* Layouts of a node's data. */
enum {
	EROFS_PLAIN = 0, /* blocks, one after the other */
	EROFS_INLINE = 2, /* the same, but the last part stands behind the inode, in its block */
	EROFS_CHUNKS = 4,
};

#define EROFS_CHUNK_PLACES 0x20 /* 8 bytes for each chunk, which name the device, too */
#define EROFS_CHUNK_BITS_MAX 31
#define EROFS_HOLE 0xffffffff

struct erofs_node {
	uint16_t format; /* 1 for this long form of the inode, and layout << 1 */
	uint16_t xattr_units;
	uint16_t mode, reserved;
	uint64_t size;
	uint32_t place; /* first block, device number or form of the chunks */
	uint32_t ino, uid, gid;
	int64_t mtime;
	uint32_t mtime_ns, links;
	uint8_t reserved2[16];
} __attribute__((packed));

struct erofs_chunk {
	uint16_t place_high, device;
	uint32_t place;
} __attribute__((packed));

/* In front of a node's attributes; xattr_units counts it as one and each 4 bytes after it. */
struct erofs_xattr_head {
	uint32_t name_filter;
	uint8_t shared, reserved[7];
} __attribute__((packed));

struct erofs_xattr { /* then the name without its prefix, the value, zeros up to 4 bytes */
	uint8_t name_length, prefix;
	uint16_t value_length;
} __attribute__((packed));

enum {
	EROFS_XATTR_USER = 1,
	EROFS_XATTR_TRUSTED = 4,
	EROFS_XATTR_SECURITY = 6,
};

/* A directory's block: entries sorted by their names' bytes, then the names. */
struct erofs_entry {
	uint64_t nid;
	uint16_t name_at; /* in the block; the first one's also tells how many there are */
	uint8_t type, reserved;
} __attribute__((packed));

enum {
	EROFS_TYPE_FILE = 1,
	EROFS_TYPE_DIRECTORY,
	EROFS_TYPE_CHARACTER,
	EROFS_TYPE_BLOCK,
	EROFS_TYPE_FIFO,
	EROFS_TYPE_SOCKET,
	EROFS_TYPE_SYMLINK,
};

static_assert(sizeof(struct erofs_super) == 128, "as on disk");
static_assert(sizeof(struct erofs_device) == 128, "as on disk");
static_assert(sizeof(struct erofs_node) == 64, "as on disk");
static_assert(sizeof(struct erofs_chunk) == 8, "as on disk");
static_assert(sizeof(struct erofs_xattr_head) == 12, "as on disk");
static_assert(sizeof(struct erofs_xattr) == 4, "as on disk");
static_assert(sizeof(struct erofs_entry) == 12, "as on disk");
