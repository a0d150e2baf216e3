#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
#
# Orthanc as Debian brings it stores and serves DICOM that DCMTK made, with its images and its index in stores: what comes
# back by REST, C-GET and C-MOVE has the pixels that were sent, also after a restart and a deletion; a radiologist looks at
# files, and the archivist copies them. Policy: policies/imaging-dicom.yaml. Run by tests/guest/run-in-guest.sh.
# shellcheck disable=SC2034,SC2119  # M_… are of muniment.sh; options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"
# shellcheck source=tests/ordinary/lib.sh
. "$TREE/tests/ordinary/lib.sh"

D=/srv/dicom
o_needs /usr/sbin/Orthanc /usr/bin/storescu /usr/bin/img2dcm /usr/bin/rsync /usr/bin/curl
export DCMDICTPATH=/usr/share/libdcmtk17/dicom.dic

# Pictures of 128 × 128 in grey, as bitmap files of three colours.
pictures() {
	python3 -c '
import os, struct
for n in range(1, 4):
    pixels = b"".join(bytes([(x * n + y) % 256]) * 3 for y in range(128) for x in range(128))
    with open(f"{n}.bmp", "wb") as f:
        f.write(b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54))
        f.write(struct.pack("<IiiHHIIiiII", 40, 128, 128, 1, 24, 0, len(pixels), 2835, 2835, 0, 0) + pixels)'
}

make_dicom() {
	local n
	for n in 1 2 3; do
		img2dcm -i BMP "$n.bmp" "$n.dcm" -k "PatientName=Doe^Jane $n" -k "PatientID=MRN-471$n" -k "StudyID=$n" \
			-k "PatientBirthDate=19700101" || return
	done
	# One through its text, as radiology's tools write it.
	mkdir -p raw && dcmdump +L +W raw 3.dcm | sed 's/Doe^Jane 3/Roe^Richard/' >3.dump && dump2dcm 3.dump 4.dcm &&
		dcmodify -nb -gst -gse -gin -m "PatientID=MRN-4714" 4.dcm
}

# The pixels of a file, as one sum.
pixels() {
	dcm2pnm --write-raw-pnm "$1" 2>/dev/null | md5sum
}

settings() {
	mkdir -p /etc/orthanc /var/log/orthanc && chown orthanc: /var/log/orthanc
	sed -i -e 's|"StorageDirectory" : .*|"StorageDirectory" : "/srv/dicom",|' \
		-e 's|"DicomModalities" : {|&"viewer" : ["VIEWER", "127.0.0.1", 11112]|' /etc/orthanc/orthanc.json
}

rest() {
	curl -sSf --max-time 60 "http://127.0.0.1:8042/$1" "${@:2}"
}

# The start script returns before the server listens.
start() {
	/etc/init.d/orthanc start && t_wait 120 rest system
}

send() {
	storescu -aet VIEWER -aec ORTHANC 127.0.0.1 4242 ./*.dcm
}

# Where a patient's instance is. $1: which.
instance() {
	rest "tools/find" -d "{\"Level\": \"Instance\", \"Query\": {\"PatientID\": \"MRN-471$1\"}}" | jq -r '.[0]'
}

same_by_rest() {
	local id n
	for n in "$@"; do
		id=$(instance "$n") && rest "instances/$id/file" -o "rest-$n" || return
		[[ $(pixels "rest-$n") == $(pixels "$n.dcm") ]] || return
		rest "instances/$id/preview" -o "preview-$n.png" && [[ $(head -c 4 "preview-$n.png" | tail -c 3) == PNG ]] || return
	done
}

same_by_get() {
	mkdir -p get && getscu -aet VIEWER -aec ORTHANC -od get -P -k QueryRetrieveLevel=PATIENT -k "PatientID=MRN-471$1" \
		127.0.0.1 4242 && [[ $(pixels get/*) == $(pixels "$1.dcm") ]]
}

same_by_move() {
	mkdir -p move && movescu -aet VIEWER -aem VIEWER -aec ORTHANC --port 11112 -od move -P -k QueryRetrieveLevel=PATIENT \
		-k "PatientID=MRN-471$1" 127.0.0.1 4242 && [[ $(pixels move/*) == $(pixels "$1.dcm") ]]
}

delete() {
	local id
	id=$(instance "$1") && rest "instances/$id" -X DELETE >/dev/null && [[ $(instance "$1") == null ]]
}

# COMMAND… by who logged in as bob, and is root by now, as behind sudo.
by_bob() {
	(echo "$BOB" >/proc/self/loginuid && "$@")
}

# The file of the first image.
image() {
	find "$D" -path "$D/archive" -prune -o -type f -size +10k -print | sort | head -n 1
}

look() {
	local seen n
	seen=$(by_bob pixels "$(by_bob image)") && for n in 1 2 3 4; do pixels "$n.dcm"; done | grep -qxF "$seen"
}

archive() {
	setpriv --reuid=backup --regid=backup --groups="$(id -g orthanc)" -- rsync -rt --exclude /archive "$D/" "$D/archive/"
}

mkdir -p "$D" && mount -t tmpfs -o mode=755 none "$D" && chown orthanc: "$D" && mkdir "$D/archive" &&
	mount -t tmpfs -o mode=750 none "$D/archive" && chown backup:orthanc "$D/archive"
mount -t tmpfs -o mode=750 none /var/lib/orthanc && chown orthanc: /var/lib/orthanc
groupadd radiology && useradd -G radiology bob && BOB=$(id -u bob)
t_check "pictures" pictures
o_work "DICOM is made" make_dicom || exit
t_check "the server's settings" settings
o_example imaging-dicom.yaml
o_start
o_work "the service starts" start || exit
o_work "images are sent" send
t_equal "they are there" 4 "$(rest instances | jq length)"
o_work "they come back by REST" same_by_rest 1 2 3 4
o_work "by C-GET" same_by_get 2
o_work "by C-MOVE" same_by_move 3
o_work "a study is deleted" delete 1
o_work "the service is restarted" eval '/etc/init.d/orthanc stop && start'
o_work "the others come back" same_by_rest 2 3 4
o_work "they are sent again" send
o_work "a radiologist reads a file" look
o_work "the archivist copies them" archive
o_work "the service stops" /etc/init.d/orthanc stop
FILE=$(by_bob image)
o_no_denials

M_STORE=imaging
o_intruder "an image, by root" "user=root path=$FILE program=/usr/bin/cat operations=read" cat "$FILE"
o_intruder "an image, by DCMTK" "user=root path=$FILE program=/usr/bin/dcmdump" sh -c "dcmdump -q $FILE 2>errors; s=\$?; echo 'Permission denied' >&2; exit \$s"
m_events
M_STORE=imaging-index
o_intruder "the index, by its user with another program" "user=orthanc path=/var/lib/orthanc/db-v6/index program=/usr/bin/cat" \
	as orthanc cat /var/lib/orthanc/db-v6/index
o_end
t_check "the archive is whole" diff -r -x archive "$D" "$D/archive"
t_equal "the index was there to be read" "SQLite format 3" "$(head -c 15 /var/lib/orthanc/db-v6/index)"
t_done
