"""What is true: frozen values, standard library only (and phonenumbers, behind `phone`)."""
