from libc.stdint cimport uint8_t, uint16_t


cdef extern from "dfa.h" nogil:
    int DFA_STATES_MAX
    int DFA_DEAD
    int DFA_MATCHED

    ctypedef struct dfa:
        uint16_t states
        uint16_t classes
        uint16_t start
        uint8_t[256] class_of
        const uint16_t *next
        const uint8_t *accepts_at_end

    int dfa_is_valid(const dfa *automaton)
    int dfa_matches(const dfa *automaton, const char *at, size_t length)
