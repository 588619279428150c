/* Pending changes of a message: (offset, octets to delete, text to insert), applied once while it is written out.
 * Editing the same place again replaces the earlier edit, so the last edit of a field wins. */
#ifndef UACFAST_EDIT_LIST_H
#define UACFAST_EDIT_LIST_H
#include "sip_text.h"
#include "text_writer.h"

#define EDIT_LIST_CAPACITY 128

typedef struct {
    uint32_t offset;      /* into the received message */
    uint32_t removed;     /* octets of it that are left out */
    sip_text inserted;    /* what stands there instead; not owned */
} edit;

typedef struct {
    uint32_t count;
    edit items[EDIT_LIST_CAPACITY];   /* in order of offset; insertions before a replacement at the same offset */
} edit_list;

static inline void edit_list_clear(edit_list *edits) { edits->count = 0; }

/* Replaces octets [offset, offset + removed) by `inserted`; removed > 0. An earlier edit inside that range is dropped, an
 * earlier edit of the very same range is overwritten. Returns 0, or -1 when the list is full or the range cuts through
 * an earlier one. */
int edit_list_replace(edit_list *edits, uint32_t offset, uint32_t removed, sip_text inserted);

/* Inserts before `offset`; several insertions at one place stand in the order of the calls. 0 or -1. */
int edit_list_insert(edit_list *edits, uint32_t offset, sip_text inserted);

/* Takes back what stands at this very range (removed = 0: all insertions there). */
void edit_list_undo(edit_list *edits, uint32_t offset, uint32_t removed);

/* Writes octets [from, to) of `data` with the edits that begin in [from, to) applied; insertions at `to` itself are not
 * written. */
void edit_list_write(const edit_list *edits, const char *data, uint32_t from, uint32_t to, text_writer *out);
#endif
