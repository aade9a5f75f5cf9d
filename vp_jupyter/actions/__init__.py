"""What a person does with the service, with its price and its words: magics and panels are its two fronts."""
