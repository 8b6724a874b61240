"""`sis-sync run --dry-run`: what a run would send, without taking, writing or sending anything."""
