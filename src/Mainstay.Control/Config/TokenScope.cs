namespace Mainstay.Control.Config;

/// <summary>What a token may do; each scope holds those before it.</summary>
public enum TokenScope
{
    /// <summary>See everything.</summary>
    Read,

    /// <summary>Work on incidents: approve remedies, pause and resume them, stop a practice.</summary>
    Respond,

    /// <summary>Everything: drain and undrain, practise.</summary>
    Operate,
}
