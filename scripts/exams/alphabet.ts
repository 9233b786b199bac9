/**
 * Every character that questions and solutions may use, in code-point order. A character-level tokenizer for the
 * exam needs these and its end-of-sequence token, and no more.
 */
export const alphabet = '\n #*+,-./0123456789=?abcdefghijklmnopqrstuvwxyz';
