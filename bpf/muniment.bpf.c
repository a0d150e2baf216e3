// SPDX-License-Identifier: GPL-2.0
/* The kernel side, one object: licence and includes. Order matters: each file may use those before it. */
#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "bpf/decide.h"
#include "bpf/maps.bpf.h"
#include "bpf/object.bpf.h"
#include "bpf/kept.bpf.h"
#include "bpf/hot.bpf.h"
#include "bpf/actor.bpf.h"
#include "bpf/group.bpf.h"
#include "bpf/label.bpf.h"
#include "bpf/account.bpf.h"
#include "bpf/emit.bpf.h"
#include "bpf/pass.bpf.h"
#include "bpf/tell.bpf.h"
#include "bpf/amount.bpf.h"
#include "bpf/script.bpf.h"
#include "bpf/raw.bpf.h"
#include "bpf/access.bpf.h"
#include "bpf/flow.bpf.h"
#include "bpf/carrier.bpf.h"
#include "bpf/socket.bpf.h"
#include "bpf/dns.bpf.h"
#include "bpf/tls.bpf.h"
#include "bpf/volume.bpf.h"
#include "bpf/limits.bpf.h"
#include "bpf/egress.bpf.h"
#include "bpf/send.bpf.h"
#include "bpf/wire.bpf.h"
#include "bpf/connect.bpf.h"
#include "bpf/copy.bpf.h"
#include "bpf/shared.bpf.h"
#include "bpf/use.bpf.h"
#include "bpf/names.bpf.h"
#include "bpf/border.bpf.h"
#include "bpf/ioctl.bpf.h"
#include "bpf/library.bpf.h"
#include "bpf/memory.bpf.h"
#include "bpf/guard.bpf.h"
#include "bpf/attach_lsm.bpf.h"
#include "bpf/attach_fmod_ret.bpf.h"
#include "bpf/attach_tracing.bpf.h"

char LICENSE[] SEC("license") = "GPL";
