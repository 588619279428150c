#include "dfa.h"

int dfa_is_valid(const dfa *automaton)
{
    size_t cells = (size_t)automaton->states * automaton->classes;

    if (automaton->states < 2 || automaton->states > DFA_STATES_MAX || automaton->classes < 1 ||
        automaton->classes > 256 || automaton->start >= automaton->states)
        return 0;
    for (int octet = 0; octet < 256; octet++)
        if (automaton->class_of[octet] >= automaton->classes)
            return 0;
    for (size_t cell = 0; cell < cells; cell++)
        if (automaton->next[cell] >= automaton->states)
            return 0;
    return 1;
}

int dfa_matches(const dfa *automaton, const char *at, size_t length)
{
    const uint16_t *next = automaton->next;
    size_t classes = automaton->classes;
    size_t state = automaton->start;

    for (size_t i = 0; i < length && state > DFA_MATCHED; i++)
        state = next[state * classes + automaton->class_of[(unsigned char)at[i]]];
    if (state <= DFA_MATCHED)
        return state == DFA_MATCHED;
    return automaton->accepts_at_end[state] != 0;
}
