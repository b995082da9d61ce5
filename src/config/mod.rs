//! Where things live on this machine, and the person's settings.
