namespace Mainstay.Control.Config;

/// <summary>What to say of a key that may not stand where it stands. Nothing is silently ignored.</summary>
internal static class UnknownKey
{
    /// <summary>What is wrong with a key that the format keeps for later.</summary>
    public const string Later = "known, but this version does not do it yet";

    /// <summary>Null if the key belongs there.</summary>
    /// <param name="parent">Path of the mapping.</param>
    /// <param name="name">The key in it.</param>
    public static (string Wrong, string Cure)? Judge(string parent, string name)
    {
        var path = ConfigKeys.Join(parent, name);
        if (ConfigKeys.Find(path) is { IsReserved: false })
            return null;
        if (ConfigKeys.IsReserved(path, name))
            return (Later, "take it out");
        return ("unknown key", Cure(parent, name));
    }

    private static string Cure(string parent, string name)
    {
        var here = ConfigKeys.Below(parent).Select(k => k.Name).ToList();
        if (NearestWord.Of(name, here) is { } near)
            return $"did you mean `{near}`?";
        // "connect" right under a service: the word is right, the place is not.
        var places = ConfigKeys.All.Where(k => !k.IsReserved && k.Name == name).Select(k => k.Path).ToList();
        if (places.Count is > 0 and <= 3)
            return $"did you mean `{string.Join("` or `", places)}`?";
        return "known here are " + string.Join(", ", here);
    }
}
