/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * What files outside the stores lie on, and what the policy's `copies` says of that. Part of abi.h, which includes it.
 */
#ifndef MUNIMENT_MEDIUM_H
#define MUNIMENT_MEDIUM_H

/* What the policy says of copies elsewhere than where it lets them lie, or on a medium. */
enum copies { COPIES_ALLOW = 0, COPIES_ALERT = 1, COPIES_DENY = 2 };

/* A file may be on several. Their reasons begin with REASON_REMOVABLE, in this order. */
enum medium {
	MEDIUM_REMOVABLE = 0,
	MEDIUM_NETWORK = 1, /* another host has the file system, or the disk below it */
	MEDIUM_FUSE = 2,
	MEDIUM_UNENCRYPTED = 3, /* as far as anybody here can tell */
	MEDIA_END = 4
};
#define MEDIUM_BIT(medium) (1u << (medium))
#define MEDIUM_UNKNOWN	   MEDIUM_BIT(MEDIA_END) /* nobody has looked as yet: beside all that it may be */
#define MEDIA_ALL	   0x1fu

/* Words on media, in a byte: of each in turn two bits, enum copies + 1, or 0 where the policy has none. */
#define media_word(words, medium)	  ((words) >> 2 * (medium)&3)
#define media_with(words, medium, copies) ((words) | ((copies) + 1u) << 2 * (medium))

/* record_access.detail of OPERATION_COPY: the rule that declassifies, from 1, or 0, and on what it lies; that is only looked
 * at where the policy has a word on some medium. */
#define copy_detail(sink, media)  ((sink) | (media) << 8)
#define copy_detail_sink(detail)  ((detail)&0xff)
#define copy_detail_media(detail) ((detail) >> 8)

/* A disk or partition. Numbers of devices are dealt out anew, those of disks are not: what is known of one that was taken
 * out holds for no other. */
struct media_key {
	__u64 disk; /* gendisk.diskseq */
	__u32 dev;  /* major << 20 | minor */
	__u32 reserved;
};
struct media_value {
	__u32 media; /* MEDIUM_BITs */
	__u32 round; /* of the daemon's looks */
};
#define MEDIA_DISKS_MAX 16384

_Static_assert(sizeof(struct media_key) == 16, "media_key");

#endif
