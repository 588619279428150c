#include "edit_list.h"

/* Index of the first item at or after `offset`; insertions (removed == 0) sort before a replacement at the same place. */
static uint32_t lower_bound(const edit_list *edits, uint32_t offset)
{
    uint32_t index = edits->count;
    while (index > 0 && edits->items[index - 1].offset >= offset)
        index--;
    return index;
}

static int open_gap(edit_list *edits, uint32_t index)
{
    if (edits->count == EDIT_LIST_CAPACITY)
        return -1;
    memmove(&edits->items[index + 1], &edits->items[index], (edits->count - index) * sizeof(edit));
    edits->count++;
    return 0;
}

static void close_gap(edit_list *edits, uint32_t index)
{
    edits->count--;
    memmove(&edits->items[index], &edits->items[index + 1], (edits->count - index) * sizeof(edit));
}

int edit_list_replace(edit_list *edits, uint32_t offset, uint32_t removed, sip_text inserted)
{
    uint32_t index = lower_bound(edits, offset), end = offset + removed;

    if (removed == 0)
        return -1;
    if (index > 0) {
        const edit *before = &edits->items[index - 1];
        if (before->offset + before->removed > offset)
            return -1;
    }
    while (index < edits->count && edits->items[index].offset == offset && edits->items[index].removed == 0)
        index++;
    for (uint32_t i = index; i < edits->count && edits->items[i].offset < end; i++)
        if (edits->items[i].offset + edits->items[i].removed > end)
            return -1;
    while (index < edits->count && edits->items[index].offset < end)
        close_gap(edits, index);
    if (open_gap(edits, index))
        return -1;
    edits->items[index] = (edit){offset, removed, inserted};
    return 0;
}

int edit_list_insert(edit_list *edits, uint32_t offset, sip_text inserted)
{
    uint32_t index = lower_bound(edits, offset);

    if (index > 0) {
        const edit *before = &edits->items[index - 1];
        if (before->offset + before->removed > offset)
            return -1;
    }
    while (index < edits->count && edits->items[index].offset == offset && edits->items[index].removed == 0)
        index++;
    if (open_gap(edits, index))
        return -1;
    edits->items[index] = (edit){offset, 0, inserted};
    return 0;
}

void edit_list_undo(edit_list *edits, uint32_t offset, uint32_t removed)
{
    uint32_t index = lower_bound(edits, offset);

    while (index < edits->count && edits->items[index].offset == offset) {
        if (edits->items[index].removed == removed)
            close_gap(edits, index);
        else
            index++;
    }
}

void edit_list_write(const edit_list *edits, const char *data, uint32_t from, uint32_t to, text_writer *out)
{
    uint32_t at = from;

    for (uint32_t i = lower_bound(edits, from); i < edits->count && edits->items[i].offset < to; i++) {
        const edit *item = &edits->items[i];
        text_put(out, data + at, item->offset - at);
        text_put_text(out, item->inserted);
        at = item->offset + item->removed;
    }
    if (at < to)
        text_put(out, data + at, to - at);
}
