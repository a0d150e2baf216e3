# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Other paths to a record: mounts, namespaces, links, /proc, overlays. Sourced by tests/evasion/evasion.sh.

LED_OUT='missed: names that are made or renamed are not seen, nor that they lead out of the store'

evade symlink read 'symlink' 'a symbolic link to the record'
attack_symlink() { ln -s "$R" link && cat link; }

evade symlink-above read 'symlink' 'a symbolic link to the directory above'
attack_symlink-above() { ln -s "$D" link && cat link/record; }

evade dots read 'symlink' 'a path with . and ..'
attack_dots() { cat "$D/empty/.././../$I/record"; }

evade bind-before read 'bind mount' 'a bind mount from before the daemon' who=root
before_bind-before() { mkdir bound && mount --bind "$D" bound; }
attack_bind-before() { cat bound/record; }

evade bind-after read 'bind mount' 'a bind mount made afterwards' who=root
attack_bind-after() { mkdir bound && in_namespace "mount --bind $D bound; exec cat bound/record"; }

evade bind-file read 'bind mount' 'a bind mount of the one file' who=root
attack_bind-file() { touch onefile && in_namespace "mount --bind $R onefile; exec cat onefile"; }

evade namespace read 'mount namespace' 'in a mount and user namespace of its own' needs=needs_user_namespaces
attack_namespace() { mkdir bound && in_namespace "mount --bind $D bound; exec cat bound/record"; }

evade moved-mount read 'open_tree, move_mount' 'a mount that was moved' who=root
attack_moved-mount() {
	mkdir first second
	in_namespace "mount --bind $D first; mount --make-private first; mount --move first second; exec cat second/record"
}

evade open-tree read 'open_tree, move_mount' 'a copy of the mount that has no path' who=root
attack_open-tree() { "$EVADE/evade" tree "$D" record; }

evade move-mount read 'open_tree, move_mount' 'a detached copy of the mount, attached elsewhere' who=root
attack_move-mount() { mkdir moved && in_namespace "exec '$EVADE/evade' move-mount $D moved record"; }

evade chroot read 'chroot and pivot_root' 'chroot with the store bound into it' who=root
attack_chroot() {
	mkdir -p jail/store && cp /bin/busybox jail && in_namespace "mount --bind $D jail/store; exec chroot jail /busybox cat /store/record"
}

evade pivot-root read 'chroot and pivot_root' 'pivot_root with the store bound into it' who=root
attack_pivot-root() {
	mkdir -p jail/store jail/old && cp /bin/busybox jail
	in_namespace "mount --bind jail jail; mount --bind $D jail/store; cd jail; pivot_root . old; exec /busybox cat /store/record"
}

evade decoy read 'a mount over the store as a decoy' 'a tmpfs over the store, the record reached below it' who=root
attack_decoy() {
	mkdir bound && in_namespace "mount --bind $D bound; mount -t tmpfs decoy $S || :; exec cat bound/record"
}

evade second-mount read 'bind mount' 'the file system mounted once more' who=root
attack_second-mount() {
	mkdir again && in_namespace "'$EVADE/evade' mount $PART again; exec cat again/$PASS/store/$I/record"
}

# On 6.1 the entry has the overlay's path, without its mount.
OVERLAID='missed: a record reached through an overlay is not seen'

evade overlay read 'overlayfs with the store below' 'read through an overlay over the record'"'"'s directory' who=root \
	needs=needs_overlay entry='path=*' tracing="$OVERLAID"
attack_overlay() {
	mkdir upper work merged && in_namespace "mount -t overlay -o lowerdir=$D,upperdir=upper,workdir=work overlay merged; exec cat merged/record"
}

evade overlay-copy-up read 'overlayfs with the store below' 'a write through an overlay, which copies the record up' who=root \
	needs=needs_overlay entry='path=*' tracing="$OVERLAID"
attack_overlay-copy-up() {
	mkdir upper work merged
	in_namespace "mount -t overlay -o lowerdir=$D,upperdir=upper,workdir=work overlay merged; echo more >>merged/record; cat upper/record"
}

evade overlay-user read 'overlayfs with the store below' 'an overlay in a user namespace' who=user needs=needs_overlay \
	entry='path=*' tracing="$OVERLAID"
attack_overlay-user() {
	mkdir upper work merged
	in_namespace "mount -t overlay -o userxattr,lowerdir=$D,upperdir=upper,workdir=work overlay merged; exec cat merged/record"
}

evade proc-root read '/proc/PID/root, /proc/PID/fd, map_files' '/proc/PID/root of another process'
attack_proc-root() {
	sleep 20 &
	cat "/proc/$!/root$R"
	local status=$?
	kill $!
	return "$status"
}

evade proc-cwd read '/proc/PID/root, /proc/PID/fd, map_files' '/proc/PID/cwd of a process from before the daemon'
before_proc-cwd() {
	(cd "$D" && exec sleep 900 >/dev/null 2>&1) &
	echo $! >pid
}
attack_proc-cwd() { cat "/proc/$(<pid)/cwd/record"; }

evade proc-fd read '/proc/PID/root, /proc/PID/fd, map_files' '/proc/PID/fd of a permitted reader' reader=yes
attack_proc-fd() {
	start_reader && cat "/proc/$HELD_PID/fd/$HELD_FD"
	end_reader
}

evade map-files read '/proc/PID/root, /proc/PID/fd, map_files' '/proc/PID/map_files of a permitted reader' reader=yes who=root
attack_map-files() {
	start_reader && cat "/proc/$HELD_PID/map_files/$HELD_MAP"
	end_reader
}

evade hard-link-before read 'hard link, made before or after start' 'a hard link from before'
before_hard-link-before() { ln "$R" earlier; }
attack_hard-link-before() { cat earlier; }

evade hard-link-after read 'hard link, made before or after start' 'a hard link made now' tracing="$LED_OUT"
attack_hard-link-after() { ln "$R" later && cat later; }

evade rename-out read 'rename out of the store' 'the record moved out' tracing="$LED_OUT"
attack_rename-out() { rename "$R" moved && cat moved; }

evade rename-parent read 'rename out of the store' 'its directory moved out' tracing="$LED_OUT"
attack_rename-parent() { rename "$D" moved && cat moved/record; }

evade rename-exchange read 'rename out of the store' 'its directory exchanged for one outside' entry='path=*' tracing="$LED_OUT"
attack_rename-exchange() { mkdir mine && exchange "$D" mine && cat mine/record; }

evade rename-open read 'rename out of the store' 'its directory moved out while it is held open from before' tracing="$LED_OUT"
before_rename-open() {
	(exec 8<"$D" && echo "$BASHPID" >pid && exec sleep 900 >/dev/null 2>&1) &
	soon test -s pid
}
attack_rename-open() { rename "$D" moved && cat "/proc/$(<pid)/fd/8/record"; }
