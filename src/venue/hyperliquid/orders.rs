//! Hot. Orders as signed `post` frames, and their answers.
