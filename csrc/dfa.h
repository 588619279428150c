/* A deterministic finite automaton over octets: the compiled form of a regular expression, which the caller builds and
 * owns. One table look-up per octet, whatever the expression: a message cannot make it slow (engine Z1). */
#ifndef UACFAST_DFA_H
#define UACFAST_DFA_H
#include <stddef.h>
#include <stdint.h>

#define DFA_STATES_MAX 2000
#define DFA_DEAD 0      /* nothing that follows can match */
#define DFA_MATCHED 1   /* has matched, whatever follows */

typedef struct {
    uint16_t states;                 /* the two above included */
    uint16_t classes;                /* octets that no transition tells apart share a class */
    uint16_t start;
    uint8_t class_of[256];
    const uint16_t *next;            /* [states * classes]: the state after an octet of that class */
    const uint8_t *accepts_at_end;   /* [states]: 1 when the text may end in this state */
} dfa;

/* 1 when every number in the tables is inside its bounds, so that dfa_matches() may run on them. */
int dfa_is_valid(const dfa *automaton);
/* 1 when the text matches, 0 when not. Reads each octet at most once. */
int dfa_matches(const dfa *automaton, const char *at, size_t length);
#endif
