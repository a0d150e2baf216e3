/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The program of a task is the file that was given to execve. Of a script, the task's executable is the
 * interpreter: what the exec began with is noted, and taken over when it succeeds (actor__exec).
 */
#ifndef MUNIMENT_SCRIPT_BPF_H
#define MUNIMENT_SCRIPT_BPF_H

static __noinline int script__note(struct file *file, struct script *script)
{
	struct object_key key = {.slot = epoch_slot(maps__epoch())};
	struct inode *inode = file->f_inode;
	struct program_roles *known;

	object__id(inode, &key.id);
	object__stamp(inode, &script->stamp);
	known = bpf_map_lookup_elem(&roles_by_program, &key);
	script->named = known != NULL;
	script->accepted = 0;
	if (known && maps__speaks() && !bpf_map_lookup_elem(&programs_sent, &key.id))
		emit__program(&key.id, file->f_path.dentry);
	script->id = key.id;
	return 0;
}

/*
 * A file is looked at to be executed: the one that was asked for first, then its interpreter, and its. Whether
 * it is a script, its first bytes tell; formats of binfmt_misc are their interpreter's programs.
 */
static __always_inline void script__check(struct linux_binprm *bprm)
{
	bool script = bprm->buf[0] == '#' && bprm->buf[1] == '!';
	struct actor_answer *mine;

	if (bprm->interp != bprm->filename)
		return;
	mine = bpf_task_storage_get(&answers_by_actor, bpf_get_current_task_btf(), 0,
				    script ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (!mine) {
		if (script)
			count(COUNTER_NO_CACHE);
		return;
	}
	mine->executing.id.ino = 0;
	if (script)
		script__note(bprm->file, &mine->executing);
}

#endif
